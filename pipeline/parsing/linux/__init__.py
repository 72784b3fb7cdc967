"""Programs on Linux that write to syslog, and the kernel's audit log; one module each.

A module has ``LOG_SOURCE``, the ``PROGRAMS`` that it reads (syslog's TAG or APP-NAME) and
``parse(message, fields)``, which adds to the fields what the message tells.
"""
