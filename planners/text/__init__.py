"""Text for planners: words and n-grams of a request (`tokens`), and TF-IDF similarity of texts (`tfidf`).

Used by the plan cache and by the learner's plan predictor. Goal templates are in `planners.speculative.template`.
"""
