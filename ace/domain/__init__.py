"""What ACE talks about: frozen nouns, valid from birth, free of torch, MLflow and Hydra.

Every other layer imports these; they import nothing but `ace.errors`.
"""
