// webtorrent in Node and in headless Chromium, each as seeder and as leecher, over ws and wss, also beside
// HTTPS on one port.

import { IPV4 } from './lab.ts'
import { WS, WSS, WSS_BESIDE_HTTPS } from './tracker.ts'
import {
  webtorrentInChromium,
  webtorrentInChromiumByMagnet,
  webtorrentInNode,
} from './webtorrent-client.ts'
import { testPairs } from './webtorrent-transfer.ts'

testPairs('webtorrent', [
  ['Node to Chromium', webtorrentInNode, webtorrentInChromium, [WSS], IPV4],
  [
    'Node to Chromium with a magnet link',
    webtorrentInNode,
    webtorrentInChromiumByMagnet,
    [WS],
    IPV4,
  ],
  ['Chromium to Node', webtorrentInChromium, webtorrentInNode, [WS, WSS, WSS_BESIDE_HTTPS], IPV4],
])
