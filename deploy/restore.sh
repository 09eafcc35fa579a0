#!/usr/bin/env bash
# Reads what deploy/backup.sh wrote into an empty bucket and two empty databases: deploy/restore.sh FOLDER. MLflow's and Prefect's
# servers are started after it: each makes its tables in an empty database. What is there already is refused, never replaced.
# The bucket comes first: so the databases name nothing that is not there.
set -euo pipefail
folder=${1:?usage: deploy/restore.sh FOLDER}
folder=${folder%/}
python "$(dirname "$0")/bucket.py" load "$folder/bucket"
for database in mlflow prefect; do
	pg_restore --exit-on-error --single-transaction --no-owner --dbname="$database" "$folder/$database.dump"
done
echo "restore: $folder"
