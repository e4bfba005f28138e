// Where the data comes from: a server that is asked, or a report that carries it. Both answer the same calls.

const LATE_MS = 40e3;
const RETRY_MS = 3e3;

/** Asks the server that the page came from. */
export class LiveSource {
  #serverAhead = 0;
  #heardAt = 0;
  #connection = "connecting";
  #announced = -1;

  /** Milliseconds since the Unix epoch by the server's clock. */
  now() {
    return Date.now() + this.#serverAhead;
  }

  /** The newest revision that the server announced. */
  get announced() {
    return this.#announced;
  }

  overview() {
    return this.#get("api/overview", {});
  }

  series(stream, feature, period, pool) {
    return this.#get("api/series", { stream, feature, pool, since: period.since, until: period.until });
  }

  segments(stream, period) {
    return this.#get("api/segments", { stream, since: period.since, until: period.until });
  }

  ladder(stream, feature, period) {
    return this.#get("api/ladder", { stream, feature, since: period.since, until: period.until });
  }

  summary(stream, period) {
    return this.#get("api/summary", { stream, since: period.since, until: period.until });
  }

  async incidents(stream, period) {
    return (await this.#get("api/incidents", { stream, since: period.since })).incidents;
  }

  async events(stream, period) {
    return (await this.#get("api/events", { stream, since: period.since })).events;
  }

  async thresholds() {
    return (await this.#get("api/thresholds", {})).thresholds;
  }

  evidenceUrl(path) {
    return `evidence/${path.split("/").map(encodeURIComponent).join("/")}`;
  }

  async evidenceDocument(path) {
    return this.#get(this.evidenceUrl(path), {});
  }

  /** Calls `changed()` when there may be something new and `connection(state, heardAt)` when the line goes up or down. */
  watch(changed, connection) {
    const report = (state) => {
      if (state === this.#connection) return;
      this.#connection = state;
      connection(state, this.#heardAt);
    };
    const open = () => {
      const events = new EventSource("api/live");
      const heard = (message) => {
        const { revision, now_ms: now } = JSON.parse(message.data);
        this.#heardAt = Date.now();
        this.#serverAhead = now - Date.now();
        this.#announced = revision;
        report("live");
        changed();
      };
      events.addEventListener("revision", heard);
      events.addEventListener("heartbeat", heard);
      events.addEventListener("error", () => {
        report("lost");
        // The browser reconnects by itself unless the server answered with an error.
        if (events.readyState === EventSource.CLOSED) setTimeout(open, RETRY_MS);
      });
    };
    open();
    setInterval(() => {
      if (this.#connection === "live" && Date.now() - this.#heardAt > LATE_MS) report("stale");
    }, 1000);
  }

  async #get(path, query) {
    const given = Object.entries(query).filter(([, value]) => value !== "" && value !== undefined && value !== null);
    const response = await fetch(given.length ? `${path}?${new URLSearchParams(given)}` : path);
    if (!response.ok) {
      const problem = await response.json().catch(() => ({}));
      throw new Error(problem.error ?? `the server answered ${response.status}`);
    }
    return response.json();
  }
}

/** Reads the data that a report carries. */
export class EmbeddedSource {
  #data;
  announced = -1;

  constructor(data) {
    this.#data = data;
  }

  now() {
    return this.#data.overview.now_ms;
  }

  async overview() {
    return this.#data.overview;
  }

  /** The period that the report covers. */
  period() {
    return { since: this.#data.since_ms, until: this.#data.until_ms, anchored: true };
  }

  notes() {
    return this.#data.notes;
  }

  async series(stream, feature) {
    return this.#data.streams[stream].series[feature];
  }

  async segments(stream) {
    return this.#data.streams[stream].segments;
  }

  async ladder(stream, feature) {
    const ladders = this.#data.streams[stream].ladders;
    return ladders[feature] ?? Object.values(ladders)[0];
  }

  async summary(stream) {
    return this.#data.streams[stream].summary;
  }

  async incidents(stream) {
    return this.#data.incidents.filter((incident) => incident.stream === stream);
  }

  async events(stream) {
    return this.#data.events.filter((event) => event.stream === stream);
  }

  async thresholds() {
    return this.#data.thresholds;
  }

  evidenceUrl(path) {
    return this.#data.pictures[path] ?? "";
  }

  async evidenceDocument(path) {
    const found = this.#data.documents[path];
    if (!found) throw new Error("left out of this report");
    return found;
  }

  watch() {}
}
