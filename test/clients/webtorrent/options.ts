// What every webtorrent client of these tests is started with: the tracker is its only source of
// peers, and WebRTC its only transport.

export const CLIENT_OPTIONS = {
  dht: false,
  lsd: false,
  utPex: false,
  utp: false,
  natUpnp: false,
  natPmp: false,
  // Without STUN servers, which cannot be reached here, candidates are gathered at once.
  tracker: { rtcConfig: { iceServers: [] } },
}
