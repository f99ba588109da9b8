"""Train the weights of the one-shot classifier: `make train-tagging`.

It is here and not in the service, so that neither its code nor what it needs is in an image.
"""
