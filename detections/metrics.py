"""Every metric of the detectors, declared once.

Names: ``tocsin_<part>_<what>_<unit>[_total]``, base units, few label values.
"""
