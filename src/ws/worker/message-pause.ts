// Which messages a paused tracker does not serve ([pause]), and what their clients are told. Asked by handle.ts.
import { NO_PAUSE, type Pause, SERVING, SILENT } from '../../requests/pause.ts'
import {
  ABSENT,
  ACTION_ANNOUNCE,
  ACTION_SCRAPE,
  EVENT_STOPPED,
  type Request,
} from '../wire/request.ts'
import { type Phrase, phrase } from '../wire/writer.ts'
import type { Connection } from './connection.ts'
import { FAMILY_IPV4 } from './counters.ts'

const NOTHING = phrase('')

export class MessagePause {
  /** Of the message last asked about: empty for no answer at all. */
  reason: Phrase = NOTHING
  private pause = NO_PAUSE
  private text: Phrase = NOTHING

  configure(pause: Pause): void {
    this.pause = pause
    // As it stands between the quotes of JSON.
    this.text = phrase(JSON.stringify(pause.reason).slice(1, -1))
  }

  // HOT: no allocation below this line.

  /** Peers may leave during a pause, and offers from before it may be answered. */
  refuses({ family }: Connection, { action, answer, event }: Request): boolean {
    const level = family === FAMILY_IPV4 ? this.pause.ipv4 : this.pause.ipv6
    if (level === SERVING) return false
    this.reason = level === SILENT ? NOTHING : this.text
    if (action === ACTION_SCRAPE) return true
    return action === ACTION_ANNOUNCE && answer === ABSENT && event !== EVENT_STOPPED
  }
}
