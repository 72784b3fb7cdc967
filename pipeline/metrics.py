"""Every metric of the data plane, declared once.

Names: ``tocsin_<part>_<what>_<unit>[_total]``, base units, few label values.
"""
