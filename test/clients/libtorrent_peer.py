#!/usr/bin/python3
"""One libtorrent client with one torrent and the tracker as its only source of peers.

libtorrent_peer.py TORRENT DIRECTORY ADDRESS PORT

Commands on standard input, one per line: `announce` announces again, `scrape` asks the tracker and
prints `scrape COMPLETE INCOMPLETE`. At its end the client tells the tracker that it stops, and ends.
"""

import select
import sys
import time

import libtorrent as lt

STOP_SECONDS = 5
CATEGORIES = (
    lt.alert.category_t.error_notification
    | lt.alert.category_t.tracker_notification
    | lt.alert.category_t.status_notification
    | lt.alert.category_t.connect_notification
    | lt.alert.category_t.peer_notification
)


def main(torrent_path, directory, address, port):
    host = "[%s]" % address if ":" in address else address
    session = lt.session(
        {
            **webtorrent_settings(),
            "listen_interfaces": "%s:%s" % (host, port),
            "enable_dht": False,
            "enable_lsd": False,
            "enable_upnp": False,
            "enable_natpmp": False,
            # Two clients on one machine, and a tracker in private address space.
            "allow_multiple_connections_per_ip": True,
            "ssrf_mitigation": False,
            "min_announce_interval": 1,
            # A tracker that is not there is given up soon, so that `announce` can start again.
            "tracker_receive_timeout": 2,
            "tracker_completion_timeout": 2,
            "alert_mask": CATEGORIES,
        }
    )
    handle = session.add_torrent(
        {"ti": lt.torrent_info(torrent_path), "save_path": directory}
    )
    while True:
        print_alerts(session)
        readable, _, _ = select.select([sys.stdin], [], [], 0.05)
        if readable:
            command = sys.stdin.readline().strip()
            if command == "announce":
                handle.force_reannounce(0, -1, lt.reannounce_flags_t.ignore_min_interval)
            elif command == "scrape":
                handle.scrape_tracker()
            else:
                break
    stop(session, handle)


def webtorrent_settings():
    """For a libtorrent that has WebTorrent: no STUN server, which would be waited for in vain."""
    known = lt.default_settings()
    return {"webtorrent_stun_server": ""} if "webtorrent_stun_server" in known else {}


def stop(session, handle):
    # The session would resume it at once, and announce it again.
    handle.unset_flags(lt.torrent_flags.auto_managed)
    handle.pause()
    deadline = time.monotonic() + STOP_SECONDS
    told = False
    while time.monotonic() < deadline:
        for alert in print_alerts(session):
            # A reply to an earlier announce may still be on its way.
            if isinstance(alert, lt.tracker_announce_alert) and "(stopped)" in alert.message():
                told = True
            elif told and isinstance(alert, lt.tracker_reply_alert):
                return
        time.sleep(0.02)


def print_alerts(session):
    alerts = session.pop_alerts()
    for alert in alerts:
        if isinstance(alert, lt.scrape_reply_alert):
            print("scrape", alert.complete, alert.incomplete, flush=True)
        else:
            print(type(alert).__name__, alert.message(), flush=True)
    return alerts


main(*sys.argv[1:])
