#!/usr/bin/python3
"""Writes a private torrent of one file and prints the info hashes clients announce, one per line.

make_torrent.py v1|v2|hybrid SOURCE TORRENT TRACKER_URL…

Private (BEP 27): clients may look for peers at its tracker only.
Of several trackers each is a tier of its own (BEP 12).
"""

import os
import sys

import libtorrent as lt

PIECE_SIZE = 32 * 1024
FLAGS = {"v1": lt.create_torrent.v1_only, "v2": lt.create_torrent.v2_only, "hybrid": 0}


def main(kind, source, torrent_path, *tracker_urls):
    files = lt.file_storage()
    lt.add_files(files, source)
    torrent = lt.create_torrent(files, PIECE_SIZE, FLAGS[kind])
    torrent.set_priv(True)
    for tier, url in enumerate(tracker_urls):
        torrent.add_tracker(url, tier)
    lt.set_piece_hashes(torrent, os.path.dirname(source))
    with open(torrent_path, "wb") as output:
        output.write(lt.bencode(torrent.generate()))

    hashes = lt.torrent_info(torrent_path).info_hashes()
    if hashes.has_v1():
        print(hashes.v1)
    if hashes.has_v2():
        print(str(hashes.v2)[:40])  # SHA-256, cut to 20 bytes in announces (BEP 52)


main(*sys.argv[1:])
