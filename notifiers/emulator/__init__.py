"""A local FCM v1 server: takes messages as FCM does, fails as FCM does on request, and shows what phones would show.

FCM has no emulator of its own. This one follows FCM's published behaviour; docs/emulator.md cites each rule.
"""
