"""The runs behind `synth train`: stand-ins or photographs in, weights out."""
