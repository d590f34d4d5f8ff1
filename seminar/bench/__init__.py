"""What `seminar bench` measures: ratios of things that ran side by side, because machines are
shared and noisy.
"""
