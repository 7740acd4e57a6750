"""The first ten predictions anew, from twelve mice an arm: after a change of the model, before anybody knows the answers.

    python benchmarks/make_predictions.py --in predictions     # some ten minutes on two cores

Each follows from a scenario of the library and asks what its paper did not publish. Entries that are there are left as they
are: what was predicted once stays.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from niche_sim.cli import main as niche_sim

QUESTIONS = (  # question, scenario, reference, arm, readout, time
    ("Does a TGF-beta receptor inhibitor, given until tumour cells come, lower the number of colonies three weeks later?",
     "liver_education_costasilva2015", "educated", "tgfb_inhibitor", "colonies", "42 day"),
    ("Do mice without fibronectin of their own have fewer colonies three weeks after tumour cells came?",
     "liver_education_costasilva2015", "educated", "fibronectin_knockout", "colonies", "42 day"),
    ("Are fewer natural killer cells active after three weeks of exosomes of pancreatic cancer?",
     "liver_education_costasilva2015", "pbs", "educated", "nk_active", "21 day"),
    ("Does blocking the IL-6 receptor lower suppressor cells in a liver before metastasis?",
     "liver_saa_lee2019", "primary", "anti_il6r", "mdsc", "12 day"),
    ("Is there less active TGF-beta in the liver of an animal without serum amyloid A?",
     "liver_saa_lee2019", "primary", "saa_knockout", "tgfb_mean", "12 day"),
    ("Do vesicles without miR-25 leave fewer tumour cells in the liver a day after these came?",
     "liver_leakiness_zeng2018", "educated", "anti_mir25", "tumour_present", "8 day"),
    ("Does fibronectin fall back within 15 days after exosomes stopped?",
     "liver_reversion_iredale1998", "continued", "stopped", "fibronectin_mean", "36 day"),
    ("Does resection of the primary tumour on day 14 leave fewer bone-marrow-derived cells on day 28?",
     "liver_growing_primary", "primary", "resected", "bmdc_arrested", "28 day"),
    ("Do exosomes with MET knocked down leave less fibronectin in the lung?",
     "lung_marrow_peinado2012", "educated", "met_knockdown", "fibronectin_mean", "10 day"),
    ("Do neutrophils hold tumour cells in a liver with much TIMP-1 on the day after these came?",
     "liver_timp1_seubert2015", "timp1", "no_neutrophils", "tumour_present", "8 day"),
)  # fmt: skip


def main() -> None:
    """Make those that are not there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--in", dest="folder", type=Path, default=Path("predictions"))
    parser.add_argument("--mice", default="12")
    options = parser.parse_args()
    for question, scenario, reference, arm, readout, time in QUESTIONS:
        if list(options.folder.glob(f"{scenario}-{arm}-{readout}-*.toml")):
            continue
        asked = ["--scenario", scenario, "--arms", f"{reference},{arm}", "--readout", readout, "--at", time]
        kept = ["--mice", options.mice, "--in", str(options.folder), "-o", f"runs/predict-{scenario}"]
        if code := niche_sim(["predict", question, *asked, *kept]):
            raise SystemExit(code)


if __name__ == "__main__":
    main()
