"""Networks on disk: 2019's layout, whole folders, published weights."""
