"""Where labels come from: folders, manifests; sets for users without images of their own."""
