// webtorrent in Node and Bun, and libtorrent over WebRTC.

import { IPV4, IPV6 } from './lab.ts'
import { WS, WSS } from './tracker.ts'
import {
  libtorrentOverWebRtc,
  webtorrentInBun,
  webtorrentInNode,
  webtorrentInNodeByMagnet,
} from './webtorrent-client.ts'
import { testPairs } from './webtorrent-transfer.ts'

testPairs('webtorrent and libtorrent', [
  [
    'Bun to Node with a magnet link',
    webtorrentInBun,
    webtorrentInNodeByMagnet,
    [WSS],
    IPV6,
    ['WebTorrent'],
  ],
  [
    'libtorrent to Node',
    libtorrentOverWebRtc,
    webtorrentInNode,
    [WS],
    IPV4,
    ['WebTorrent', 'libtorrent (Rasterbar)'],
  ],
  ['Node to libtorrent', webtorrentInNode, libtorrentOverWebRtc, [WSS], IPV4],
  ['libtorrent to libtorrent', libtorrentOverWebRtc, libtorrentOverWebRtc, [WS], IPV6],
])
