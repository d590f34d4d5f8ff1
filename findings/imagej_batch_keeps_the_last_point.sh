#!/usr/bin/env bash
# ImageJ run with -batch measures every point of a multi-point selection and prints a line for each, but its Results
# table, which is what macros read and save, has one row: the last point. With -macro, which opens the window, the
# same macro has all three. A table saved by a script may thus miss all clicks but one of each selection.
#
# Seen with ImageJ 1.53t of Debian 12 (imagej 1.53t-1), Java 17. Needs apt, java and xvfb-run.
#
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -q imagej=1.53t-1 libij-java=1.53t-1 >/dev/null 2>&1 || apt-get download -q libij-java=1.53t-1
for package in ./*.deb; do dpkg-deb -x "$package" .; done
jar=$(find . -name 'ij*.jar' -type f | head -1)
cat >measure.ijm <<'MACRO'
newImage("ramp", "8-bit ramp", 30, 20, 1);
makeSelection("point", newArray(3, 7, 11), newArray(2, 2, 2));
run("Set Measurements...", "mean centroid redirect=None decimal=3");
run("Measure");
File.append("" + getVersion() + " rows " + nResults + " first X " + getResult("X", 0), getArgument());
eval("script", "java.lang.System.exit(0);");
MACRO
xvfb-run -a java -jar "$jar" -batch measure.ijm "$folder/batch" >/dev/null 2>&1 || true
xvfb-run -a timeout 60 java -jar "$jar" -macro measure.ijm "$folder/window" >/dev/null 2>&1 || true
echo "-batch: $(cat batch)"
echo "-macro: $(cat window)"
grep -qx "1.53t rows 1 first X 11" batch
grep -qx "1.53t rows 3 first X 3" window
echo "as described"
