// The messages that clients are sent, as JSON texts. Called by handle.ts and signal.ts.
//
// Ids and descriptions arrive as they stood in a client's message, quotes included: checked JSON,
// which stands in ours as it is. What clients need to make sense of a message is in every one: the
// action (without it they take the connection for broken) and the info hash where it is known
// (without it they do not see whom it is for).
import { jittered } from '../../config/announce-interval.ts'
import { SHORT_CHARACTERS_MAX } from './scan.ts'

/** The interval to tell one client. `random`: in [0, 1). */
export function toldInterval(
  settings: { readonly announceInterval: number; readonly intervalJitter: number },
  random: number,
): number {
  return jittered(settings.announceInterval, settings.intervalJitter, random)
}

/** What a client is told of offers that are none. */
export function offersLeftOut(count: number): string {
  return `${count} left out of offers: each needs an object offer, and an offer_id of at most ${SHORT_CHARACTERS_MAX} characters`
}

/**
 * `complete` and `incomplete` count the announcing peer too, as the protocol's clients expect. `warning`: ''
 * for none; clients show it, and take the response for what it is otherwise.
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

/** `infoHash` and `offerId`: '' when the message that failed had none. */
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

/** What is equal in all offers of an announce, from behind the offer itself to the end. */
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
