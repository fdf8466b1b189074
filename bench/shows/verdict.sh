# What the scripts about disttrain compare share. To be sourced after common.sh.
touch "$out/stderr"
# A number or text of a file with one line of JSON: the first of its name.
field() { grep -o "\"$1\":\"\{0,1\}[^,\"}]*" "$2" | head -n 1 | sed 's/^"[^"]*":"\{0,1\}//'; }

# Reads compare.json without trusting its verdict: medians are taken anew from the single runs, and must be what the rows, the verdict and the sentence say.
check_verdict() {
  local said
  if said=$(python3 - "$1" <<'PYTHON'
import json, math, statistics, sys

result = json.load(open(sys.argv[1]))
rows = {(row["workers"], row["threads"]): row for row in result["rows"]}
wrong = []
check = lambda holds, what: wrong.append(what) if not holds else None
near = lambda a, b: math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-6)

check(result["agree"] and len({row["parametersSha256"] for row in result["rows"]}) == 1, "the hashes differ")
for who, row in rows.items():
    check(len(row["runs"]) == result["repeats"] and near(statistics.median(row["runs"]), row["samplesPerSecond"]), f"{who}: no median of its runs")
    split = row["split"]
    parts = [split[name + "Microseconds"] for name in ("compute", "serialise", "transfer", "wait", "reduce", "update")]
    check(min(parts) >= 0 and near(sum(parts), split["stepMicroseconds"]), f"{who}: the parts of a step do not add up")
    check(who[0] > 0 or parts[1:4] == [0, 0, 0], f"{who}: one process that transfers")
    check(near(row["speedUp"], row["samplesPerSecond"] / rows[0, 1]["samplesPerSecond"]), f"{who}: speed-up")
    check(near(row["speedUpSameThreads"], row["samplesPerSecond"] / rows[0, row["sameThreads"]]["samplesPerSecond"]), f"{who}: speed-up over as many threads")

verdict = result["verdict"]
best = max((row for who, row in rows.items() if who[0] > 0), key=lambda row: row["samplesPerSecond"])
check((best["workers"], best["threads"]) == (verdict["workers"], verdict["threads"]), "the verdict is not about the fastest")
for contrast, ratio in ((verdict["againstOneThread"], best["speedUp"]), (verdict["againstSameThreads"], best["speedUpSameThreads"])):
    outcome = "noDifference" if abs(math.log(ratio)) <= math.log(1 + contrast["noise"]) else "faster" if ratio > 1 else "slower"
    check(near(contrast["ratio"], ratio) and contrast["outcome"] == outcome, f"{contrast} does not fit a ratio of {ratio}")
one, same = verdict["againstOneThread"]["outcome"] == "faster", verdict["againstSameThreads"]["outcome"] == "faster"
pays = "no" if not one else "yes" if same else "overOneThread"
check(verdict["pays"] == pays, f"pays is {verdict['pays']}, the medians say {pays}")
begins = {"yes": "Distribution pays for", "no": "Distribution does not pay for", "overOneThread": "Distribution pays for"}[pays]
check(verdict["sentence"].startswith(begins) and (pays == "overOneThread") == ("against one thread, but not" in verdict["sentence"]), "the sentence does not fit")
check(f"{best['speedUp']:.2f} times" in verdict["sentence"], "the sentence has another ratio")
print("; ".join(wrong) if wrong else verdict["sentence"])
sys.exit(1 if wrong else 0)
PYTHON
  ); then echo "ok    medians, parts and verdict fit: $said"; else echo "FAIL  $said"; failures=$((failures + 1)); fi
}
