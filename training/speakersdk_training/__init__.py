"""Training of speaker encoders: corpora -> batches -> augmentation -> encoder -> loss -> checkpoint."""
