"""The judge's process: follows a journal, folds it, and hands judgements to files and people."""
