"""Every sentence for customers, support and on-call, a file for each language."""
