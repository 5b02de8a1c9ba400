"""When bots run by themselves: the data, and the clock that fires it.

`cron` translates cron expressions, `calendars` knows business days, `schedule`
joins them to slots, `clock` hands each due slot to the engine exactly once.
"""
