"""Where results come from and what becomes of them: lineage, MLflow's runs, versions, and who is champion."""
