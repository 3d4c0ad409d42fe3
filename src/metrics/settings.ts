// The settings section [statistics], the same in every tracker. Used by the protocols' config.ts.
import { section } from '../config/schema.ts'
import { boolean, refuseNul, seconds, string } from '../config/setting.ts'

const DAY_SEC = 86400

export const statisticsSettings = section("Figures about the tracker's work.", {
  interval: seconds(
    0,
    { min: 0, max: DAY_SEC },
    `Write a table of statistics to standard error this often (seconds). 0 = off.

    It covers the time since the previous table: requests and responses per second by type, bytes,
    rejections by reason, causes of loss; and the current numbers of torrents and peers.`,
  ),
  peer_clients: boolean(
    false,
    `Count peers by client and version once a minute, from their peer ids: for the metrics and the
    page of [operations] address, and for the table of interval.

    WebTorrent peers are stored with their ids, and all of them are counted: figures are exact and
    take about 0.25 seconds of the main thread's CPU time per million peers. Other peers are stored
    without, which saves 8 bytes each: a sample of 1 MiB, whatever the number of peers, costs 25 to
    40 ns per announce. Up to some 20,000 peers the sample holds all of them; beyond that, a
    client's share has a standard deviation of about half a percentage point at most.`,
  ),
  torrent_peer_histograms: boolean(
    false,
    `Count torrents by number of peers once a minute, for the metrics and the page of [operations]
    address.

    The main thread walks all torrents for that, in slices that hold a table's lock for some tens of
    microseconds: about 0.4 seconds of CPU time per million torrents.`,
  ),
  history_path: string(
    '',
    { allowed: "a file, or ''", check: refuseNul },
    `Keep the figures of the last week and the availability of the last 90 days in this file, for the page of
    [operations] and the public one. '' keeps them in the folder of [persistence] path, in a file that ends
    in .history, or without that in memory alone: they then begin anew with each start.

    It has at most 64 KB, is written every five minutes and on stop, and serves one tracker. With
    [privileges] drop_privileges it must lie below chroot_path, in a folder that the user may write to.`,
  ),
})
