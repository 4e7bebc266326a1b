"""The console: pages for support and on-call over a store or records. It changes nothing there."""
