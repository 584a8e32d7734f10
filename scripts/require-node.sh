# Sourced by the other scripts: leaves with a clear sentence where Node.js is missing or too old.
if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
  echo "Millrace needs Node.js 20 or newer with npm, and none is on the PATH. See https://nodejs.org/" >&2
  exit 1
fi
if ! node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)'; then
  echo "Millrace needs Node.js 20 or newer; this is $(node --version). See https://nodejs.org/" >&2
  exit 1
fi
