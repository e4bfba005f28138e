"""Every metric beside its witnesses: the rows of PARITY.md, in its order, with what the tests accept and why."""

from __future__ import annotations

from monitor import scorers
from tests.parity.agreement import Agreement

BINARY = "libvmaf in FFmpeg, run"
KEPT = "libvmaf in FFmpeg, kept"
SCALAR = "libvmaf without SIMD, kept"
FILES = "FFmpeg with libvmaf, from files"

SIX_DECIMALS = "libvmaf prints six decimals"
EQUAL = "the same integers, and the same order where they become fractions"
LEFT_SINGLE = "libvmaf sums in single precision, in an order of its own"
PRINTED = 6e-7
"""Half of the sixth decimal, and what libvmaf's own builds differ by."""

ROWS: list[Agreement] = []


def row(metric: str, witness: str, tolerance: float, reason: str) -> Agreement:
    """A further row."""
    ROWS.append(Agreement(metric, witness, tolerance, reason))
    return ROWS[-1]


PSNR = row("psnr", KEPT, 1e-6, SIX_DECIMALS)
PSNR_FILTER = row("psnr", "FFmpeg's `psnr`, run", 5.1e-3, "the filter writes two decimals")
PSNR_AVG = row("psnr_avg", "FFmpeg's `psnr`, run", 5.1e-3, "the filter writes two decimals")
SSIM = row("ssim", "scikit-image, run", 1e-5, "single precision inside a row here, double there")
SSIM_FFMPEG = row("ssim_ffmpeg", "FFmpeg's `ssim`, run", 2e-6, "the filter writes six decimals, of single precision")
XPSNR = row("xpsnr", "FFmpeg's `xpsnr`, run", 1e-5, "the filter writes six decimals, of single precision")

STRUCTURAL = {
    (metric, witness): row(metric, witness, tolerance + (PRINTED if witness == BINARY else 0), reason)
    for metric, tolerance, reason in (
        ("float_ssim", 1e-6, LEFT_SINGLE),
        ("float_ms_ssim", 1e-6, f"{LEFT_SINGLE}, and rounds the full size"),
        ("psnr_hvs", 1e-5, "the logarithm of sums in the same order"),
        ("ciede2000", 1e-4, "single precision here, single and double mixed in libvmaf"),
    )
    for witness in (SCALAR, BINARY)
}
"""By metric and witness."""

VIF = row("vif", SCALAR, 0, EQUAL)
VIF_BINARY = row("vif", BINARY, PRINTED, SIX_DECIMALS)
ADM = row("adm", SCALAR, 0, EQUAL)
ADM_BINARY = row("adm", BINARY, PRINTED, SIX_DECIMALS)
ADM_AVX2 = row(
    "adm, 32n+1 or 32n+2 columns of 10 or 12 bits", BINARY, 1e-2, "libvmaf's AVX2 wavelet differs from its own scalar code"
)
ADM3 = row("adm3, aim", SCALAR, 0, EQUAL)
ADM3_KEPT = row("adm3, aim as VMAF v1 has them", KEPT, PRINTED, SIX_DECIMALS)
ADM3_BINARY = row("adm3, aim under any options", BINARY, PRINTED, SIX_DECIMALS)
AIM_OF_NOISE = row(
    "adm3, aim of noise under as strong noise", BINARY, 2e-3, "libvmaf's AVX2 code; a twin of its scalar code equals vqmon's"
)
MOTION = row("motion", SCALAR, 0, EQUAL)
MOTION_BINARY = row("motion", BINARY, PRINTED, SIX_DECIMALS)
MOTION3 = row("motion3", SCALAR, 0, EQUAL)
MOTION3_KEPT = row("motion3 as VMAF v1 has it", KEPT, PRINTED, SIX_DECIMALS)
MOTION3_BINARY = row("motion3 under any options", BINARY, PRINTED, SIX_DECIMALS)
CAMBI = row("cambi", SCALAR, 1e-7, "libvmaf's table of reciprocals has entries that are off by one place")
CAMBI_BINARY = row("cambi under any options", BINARY, PRINTED, SIX_DECIMALS)
SPEED_CHROMA = row("speed_chroma", SCALAR, 1e-15, "the last of 17 digits")
SPEED_CHROMA_KEPT = row("speed_chroma as VMAF v1 has it", KEPT, PRINTED, SIX_DECIMALS)
SPEED_CHROMA_BINARY = row("speed_chroma under any options", BINARY, PRINTED, SIX_DECIMALS)
SPEED_CHROMA_PATTERNS = row("speed_chroma of test patterns", BINARY, PRINTED, SIX_DECIMALS)

FUSION = row("VMAF v0 models, from libvmaf's features", SCALAR, 1e-10, "the regression's sum is taken in another order")
FUSION_KEPT = row("VMAF v0 models, from libvmaf's features", KEPT, PRINTED, SIX_DECIMALS)
BOOTSTRAP = row("vmaf_b and its interval", SCALAR, 1e-10, "the regression's sum is taken in another order")
V0 = {name: row(name, SCALAR, 1e-10, "the regression's sum is taken in another order") for name in ("vmaf", "vmaf_neg")}
V0_BINARY = {
    name: row(name, BINARY, PRINTED, SIX_DECIMALS) for name in ("vmaf", "vmaf_neg", "vmaf_phone", "vmaf_4k", "vmaf_4k_neg")
}
V1_NAMES = {spec.trained: spec.name for spec in scorers.specs() if spec.name.startswith("vmaf_v1")}
"""Our metrics by libvmaf's models."""
V1 = {
    name: row(name, KEPT, PRINTED, SIX_DECIMALS)
    for name in ("vmaf_v1", "vmaf_v1_phone", "vmaf_v1_4k", "vmaf_v1_4k_3h", "vmaf_v1_hfr")
}
FLAT_LUMA = "where luma has little detail; the same where SpEED, CAMBI and motion are 0, so ADM3's"
V1_BINARY = {name: row(name, BINARY, 2e-5, FLAT_LUMA) for name in V1_NAMES.values()}
V1_PATTERNS = {
    name: row(f"{name} of test patterns", BINARY, PRINTED, SIX_DECIMALS)
    for name in ("vmaf_v1", "vmaf_v1_phone", "vmaf_v1_4k_3h")
}

GMSD, NLPD, FSIM, VIFP = (
    row(metric, f"{witness}, kept", tolerance, reason)
    for metric, witness, tolerance, reason in (
        ("gmsd", "piq", 1e-6, "single precision here, double there"),
        ("nlpd", "pyiqa", 1e-6, "single precision here, double there"),
        ("fsim", "piq", 1e-6, "single precision here, double there"),
        ("vifp", "piq", 1e-5, "the same, most where black bars meet the picture; piq in single precision misses by more"),
    )
)
STILLS = {of.metric: of for of in (GMSD, NLPD, FSIM, VIFP)}

SITI = row("siti", "FFmpeg's `siti`, run", 5.1e-3, "the filter writes two decimals")
SCALING = row("scaling, depth, range and matrix", "FFmpeg's `scale`, run", 0, "the same libswscale, sample for sample")
WHOLE_FILES = {
    feature: row(f"{feature}, scaled and converted", FILES, tolerance, reason)
    for feature, tolerance, reason in (
        *((f"psnr_{plane}", PRINTED, SIX_DECIMALS) for plane in ("y", "cb", "cr")),
        ("float_ssim", PRINTED, SIX_DECIMALS),
        ("vmaf", PRINTED, SIX_DECIMALS),
    )
}
