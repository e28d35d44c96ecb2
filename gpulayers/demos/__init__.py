"""Small trainings on real data: `python -m gpulayers demo NAME`. Each module has `main(arguments)`."""

DEMOS = {
    "digits": "a convolutional network that reads handwritten digits",
    "text": "a character-level LSTM that learns English from Python's own manual",
    "embedding": "an embedding against a one-hot input: parameters, accuracy, time",
}
