#!/usr/bin/env bash
# Install the services that the integration tests start on loopback: Prometheus, Alertmanager,
# Chromium and PostgreSQL (Debian packages).
set -euo pipefail
packages=(prometheus prometheus-alertmanager chromium postgresql)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  echo "test services: all installed"
  exit 0
fi
# Debian starts freshly installed services; the tests start their own on free ports.
policy=/usr/sbin/policy-rc.d
made_policy=false
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod +x "$policy"
  made_policy=true
fi
cleanup() { if $made_policy; then rm -f "$policy"; fi; }
trap cleanup EXIT
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -y -q --no-install-recommends "${missing[@]}"
