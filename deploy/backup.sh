#!/usr/bin/env bash
# Writes both databases and the bucket to a new folder: deploy/backup.sh FOLDER. Nothing has to be stopped for it.
# The databases come first: whatever they name is in the bucket by then, and is copied after them.
set -euo pipefail
folder=${1:?usage: deploy/backup.sh FOLDER}
folder=${folder%/}
test ! -e "$folder" || { echo "backup: $folder is there already" >&2; exit 1; }
umask 077
rm -rf "$folder.partial"
mkdir -p "$folder.partial/bucket"
for database in mlflow prefect; do
	pg_dump --format=custom --file="$folder.partial/$database.dump" "$database"
done
python "$(dirname "$0")/bucket.py" save "$folder.partial/bucket"
mv "$folder.partial" "$folder"
echo "backup: $folder ($(du -sh "$folder" | cut -f1))"
