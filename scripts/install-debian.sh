#!/bin/bash
# Installs the Debian packages that a part of the work needs and the machine lacks:
#   scripts/install-debian.sh test|bench|clients|capture|lab
#   scripts/install-debian.sh --missing test      only lists what is missing, one package a line
# This is the one list of them: a package, and the command it is there for. What is already
# installed, by whatever way, is left as it is. Exit status 1 when something is still missing.
set -euo pipefail
shopt -s inherit_errexit

needs_of() {
  case "$1" in
    test) # live capture between network namespaces; exported flows; a second opinion on captures
      echo iproute2:ip iputils-ping:ping nftables:nft procps:ps python3:python3 tshark:tshark softflowd ;;
    bench) # the collectors that `npm run bench capture` stands beside, and what builds its read loop
      echo nfdump:nfpcapd softflowd:softflowd argus-server:argus argus-client:ra \
        pmacct:pmacctd tcpdump:tcpdump gcc:gcc \
        libc6-dev:/usr/include/stdio.h libpcap-dev:/usr/include/pcap/pcap.h time:/usr/bin/time ;;
    capture) # to give a user the one right that capturing takes: see README.md
      echo iproute2:ip util-linux:setpriv ;;
    clients) # `npm run test:clients`: names below localhost
      echo "libnss-myhostname:/lib/$(uname -m)-linux-gnu/libnss_myhostname.so.2" ;;
    lab) # `weir lab`: namespaces, firewalls, echo requests
      echo iproute2:ip nftables:nft iputils-ping:ping ;;
    *)
      echo "usage: scripts/install-debian.sh [--missing] test|bench|clients|capture|lab" >&2
      exit 2 ;;
  esac
}

missing_of() {
  local needs need
  needs=$(needs_of "$1")
  for need in $needs; do
    command -v "${need#*:}" > /dev/null || [ -e "${need#*:}" ] || echo "${need%%:*}"
  done
}

export PATH="$PATH:/usr/sbin:/sbin"
if [ "${1:-}" = --missing ]; then
  missing_of "${2:-}"
  exit
fi

missing=$(missing_of "${1:-}")
missing=${missing//$'\n'/ }
if [ -z "$missing" ]; then
  echo "Debian packages for $1: all there"
elif ! command -v apt-get > /dev/null; then
  echo "Debian packages for $1: not installed, for there is no apt-get here: $missing" >&2
  exit 1
elif [ "$(id -u)" != 0 ]; then
  echo "Debian packages for $1: run as root: apt-get install $missing" >&2
  exit 1
else
  echo "Debian packages for $1: installing $missing"
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086 # a list of words
  if ! { apt-get update -qq && apt-get install -qq --no-install-recommends $missing; } \
    > /tmp/weir-apt.$$ 2>&1 < /dev/null; then
    tail -n 20 /tmp/weir-apt.$$ >&2
    rm -f /tmp/weir-apt.$$
    echo "Debian packages for $1: apt-get failed for: $missing" >&2
    exit 1
  fi
  rm -f /tmp/weir-apt.$$
fi
