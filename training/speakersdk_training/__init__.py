"""Training of speaker encoders: corpora -> crops -> augmentation -> encoder -> loss."""
