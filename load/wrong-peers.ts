// What is wrong in the answer to an announce: texts for people, and the longest interval. Used by the testers for
// UDP and HTTP, whose trackers answer announces with peers.

/** Seconds. Clients that obey a longer interval would be as good as gone. */
export const INTERVAL_MAX_SEC = 7 * 86400

export const WRONG_PEERS_TEXTS = {
  wrong_too_many_peers: 'more peers than were asked for',
  wrong_no_peers: 'no peers, although there are some for this one',
  wrong_own_peer: 'the announcing peer itself is among the peers',
  wrong_repeated_peer: 'a peer stands twice in one answer',
  wrong_unknown_peer: 'a peer was never announced in this torrent and address family',
  wrong_count_high: 'more seeders or leechers than were announced',
  wrong_count_low:
    'fewer seeders or leechers than were announced and answered, or than peers given',
} as const
