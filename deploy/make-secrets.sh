#!/bin/sh
# Makes the secrets of docker-compose.yml that are not there yet: sh deploy/make-secrets.sh [FOLDER]
set -eu
folder="${1:-$(dirname "$0")/secrets}"
mkdir -p "$folder"
# Others cannot enter the folder; the files themselves must be readable by the containers' users.
chmod 700 "$folder"

random_hex() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

for name in jwt_secret admin_token metrics_token grafana_password; do
  if [ ! -s "$folder/$name" ]; then
    random_hex > "$folder/$name"
    echo "made $folder/$name"
  fi
  chmod 644 "$folder/$name"
done
# The gateway knows its tokens by their digests only.
for name in admin_token metrics_token; do
  sha256sum < "$folder/$name" | cut -d ' ' -f 1 | tr -d '\n' > "$folder/${name}_sha256"
  chmod 644 "$folder/${name}_sha256"
done
