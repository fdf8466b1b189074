#!/usr/bin/env bash
# The packages that the shipped program is made of, with versions, hashes and licences, as CycloneDX JSON: deploy/bill-of-materials.sh [FILE], by default
# disttrain.cdx.json here.
set -euo pipefail
file=$(realpath -m "${1:-disttrain.cdx.json}")
cd "$(dirname "$0")/.."
tools=$(mktemp -d); trap 'rm -rf "$tools"' EXIT
dotnet tool install CycloneDX --version 6.3.1 --tool-path "$tools" >/dev/null
version=$(sed -n 's:.*<Version>\(.*\)</Version>.*:\1:p' Directory.Build.props)
"$tools/dotnet-CycloneDX" src/Cli/DistTrain.Cli.csproj --recursive --exclude-dev --no-serial-number --output-format Json --set-name disttrain --set-version "$version" \
  --output "$(dirname "$file")" --filename "$(basename "$file")" >"$tools/log" 2>&1 || { cat "$tools/log" >&2; exit 1; }
entries=$(grep -c '"purl"' "$file" || true)
[ "$entries" -gt 0 ] || { echo "$file has no entry: nothing was found to list." >&2; exit 1; }
echo "$entries entries in $file"
