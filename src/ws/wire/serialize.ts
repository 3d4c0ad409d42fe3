// The messages for clients, as JSON texts. Called by handle.ts and signal.ts.
//
// Ids and descriptions are passed in as they were in a client's message, quotes included: checked JSON, which
// is copied as it is. Every message has what clients need to understand it: the action (without it they
// consider the connection broken) and, if known, the info hash (without it they cannot tell which torrent it is
// about).
import { jittered } from '../../config/announce-interval.ts'
import { SHORT_CHARACTERS_MAX } from './scan.ts'

/** The interval for one client. `random`: in [0, 1). */
export function toldInterval(
  settings: { readonly announceInterval: number; readonly intervalJitter: number },
  random: number,
): number {
  return jittered(settings.announceInterval, settings.intervalJitter, random)
}

/** The warning about invalid offers. */
export function offersLeftOut(count: number): string {
  return `${count} left out of offers: each needs an object offer, and an offer_id of at most ${SHORT_CHARACTERS_MAX} characters`
}

/**
 * `complete` and `incomplete` include the announcing peer, as the protocol's clients expect. `warning`: '' for
 * none; clients show it and otherwise treat the response as usual.
 */
export function announceResponse(
  interval: number,
  complete: number,
  incomplete: number,
  infoHash: string,
  warning: string,
): string {
  const told = warning === '' ? '' : `,"warning message":"${warning}"`
  return `{"action":"announce","interval":${interval},"complete":${complete},"incomplete":${incomplete},"info_hash":${infoHash}${told}}`
}

export function scrapeFile(
  infoHash: string,
  complete: number,
  incomplete: number,
  downloaded: number,
): string {
  return `${infoHash}:{"complete":${complete},"incomplete":${incomplete},"downloaded":${downloaded}}`
}

export function scrapeResponse(files: string): string {
  return `{"action":"scrape","files":{${files}}}`
}

/** `infoHash` and `offerId`: '' if the failed message had none. */
export function failure(
  action: 'announce' | 'scrape',
  reason: string,
  infoHash: string,
  offerId: string,
): string {
  const hash = infoHash === '' ? '' : `,"info_hash":${infoHash}`
  const offer = offerId === '' ? '' : `,"offer_id":${offerId}`
  return `{"action":"${action}","failure reason":"${reason}"${hash}${offer}}`
}

/** The common end of all offer messages of an announce, from after the offer itself. */
export function offerTail(peerId: string, infoHash: string): string {
  return `,"peer_id":${peerId},"info_hash":${infoHash}}`
}

/** `fields`: `"offer":{…},"offer_id":"…"`, in any order. */
export function offerMessage(fields: string, tail: string): string {
  return `{"action":"announce",${fields}${tail}`
}

export function answerMessage(
  answer: string,
  offerId: string,
  peerId: string,
  infoHash: string,
): string {
  return `{"action":"announce","answer":${answer},"offer_id":${offerId},"peer_id":${peerId},"info_hash":${infoHash}}`
}
