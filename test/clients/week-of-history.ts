// The history of a tracker that has run for a while, as its file has it: made up. Used by pictures.ts and by tests of pages.
import { DAY_SECONDS, History, SLOT_SECONDS, SLOTS } from '../../src/history/history.ts'
import { historyText } from '../../src/history/history-file.ts'

/** Requests and peers go up and down with the hours, as people do; two short outages. */
export function weekOfHistory(): string {
  const now = Math.floor(Date.now() / 1000)
  const history = new History()
  history.begin(now - 90 * DAY_SECONDS)
  const tell = (at: number, elapsed: number, isServing: boolean) => {
    const day = Math.sin(((at % DAY_SECONDS) / DAY_SECONDS - 0.4) * 2 * Math.PI)
    const noise = Math.sin(at / 1700) * 0.03 + Math.sin(at / 777) * 0.02
    const requests = 3100 * (1 + 0.3 * day + noise)
    const torrents = 21_000 * (1 + 0.12 * day)
    const peers = 62_000 * (1 + 0.22 * day + noise / 3)
    const figures = {
      requests,
      lost: requests * 0.004,
      torrents,
      peers,
      memory: 1.55e8 + peers * 100,
    }
    history.tell({ at, elapsed, isServing, figures })
  }
  tell(now - 61 * DAY_SECONDS, 29 * DAY_SECONDS, true)
  tell(now - 61 * DAY_SECONDS + 5400, 5400, false)
  tell(now - 23 * DAY_SECONDS, 38 * DAY_SECONDS - 5400, true)
  tell(now - 23 * DAY_SECONDS + 240, 240, false)
  const start = now - (SLOTS - 1) * SLOT_SECONDS
  tell(start, start - (now - 23 * DAY_SECONDS + 240), true)
  for (let at = start + SLOT_SECONDS; at <= now; at += SLOT_SECONDS) tell(at, SLOT_SECONDS, true)
  return historyText(history)
}
