// The settings section [statistics], the same in every tracker. Used by the protocols' config.ts.
import { section } from '../config/schema.ts'
import { boolean, seconds } from '../config/setting.ts'

const DAY_SEC = 86400

export const statisticsSettings = section('Figures about the work done.', {
  interval: seconds(
    0,
    { min: 0, max: DAY_SEC },
    `Write a table of statistics to standard error this often (seconds). 0 = off.

    It tells what was done since the one before it: requests and responses per second by type, bytes,
    what was refused by reason, and what explains loss; and how many torrents and peers there are now.`,
  ),
  peer_clients: boolean(
    false,
    `Count which clients the peers are of, and which versions of them, once a minute, by their peer ids:
    for the metrics and the page of [operations] address, and for the table of interval.

    aquatic_ws, which keeps peer ids, looks at all of them: figures are exact, for about 0.25 seconds of
    the main thread's processor time per million peers. aquatic_udp does not keep them: that would take
    8 bytes more per peer. It keeps a sample of 1 MiB, whatever the number of peers, for 25 to 40 ns per
    announce. Up to some 20,000 peers that is all of them; beyond, a client's share has a standard
    deviation of about half a percent point at most.`,
  ),
  torrent_peer_histograms: boolean(
    false,
    `Count how many torrents have how many peers, once a minute, for the metrics and the page of
    [operations] address.

    The main thread goes through all torrents for that, in slices that hold a table's lock for some
    tens of microseconds: about 0.4 seconds of processor time per million torrents.`,
  ),
})
