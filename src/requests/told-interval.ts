// How long a client is asked to wait until its next announce: the interval of the settings, longer under pressure
// (swarm/pressure.ts), with its jitter. Called by the protocols for each announce that they answer.
import { jittered } from '../config/announce-interval.ts'
import type { Swarms } from '../swarm/swarm.ts'

// HOT: no allocation below this line.

/** In seconds, by the counts that `swarms` has filled. `usual`: without pressure; `jitter`: percent. */
export function toldInterval(swarms: Swarms, usual: number, jitter: number): number {
  const { seeders, leechers, pressure, choice } = swarms
  const large = seeders + leechers >= pressure.largeFrom
  return jittered(pressure.interval(usual, large), jitter, choice.random())
}
