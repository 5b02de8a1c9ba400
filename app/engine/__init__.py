"""The durable engine: a Flow whose steps survive the death of the process.

Built on DBOS, whose name appears in this package only. A step's result is written
down before the next step starts; after a crash a flow goes on behind its last
finished step, here or, on PostgreSQL, on another worker. A step that was going
on may run again, so actions must be repeatable: find before you post.

What is handed in is named by what it is about, so that the same work handed in
again changes nothing:

- `run/<bot>/<slot>`          one run of a bot; one at a time per bot, over all workers
- `bot/<bot>/<method>/<id>`   one document, or whatever else the id names

How a flow ends:

- `Unavailable`: tried again with growing pauses, then set aside; the bot's next
  run takes it up again where it stopped.
- anything else raised, and work whose process died over it again and again, is
  a dead letter: a person looks into it and says `replay`.

Nothing is imported here: the engine takes half a second to load, and most
commands do without.
"""
