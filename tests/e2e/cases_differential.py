# SPDX-License-Identifier: BSD-3-Clause
"""What millrace answers beside what the Linux kernel answers, exchange by exchange.

Where the two differ, the difference is in PERMITTED with its reason, exactly as it is: another
difference fails, and so does one that has gone.
"""

from case import Cases
from differential import BAD, CLOSED, ECHO, GOOD, HTTP, Exchange, Play, kernel_host, \
    millrace_client, millrace_host, on_one_cpu, transcript
from lab import Failure, expect

CASES = Cases()

FULL = ("> SYN 0 <mss 1460,sackok,ts,ws 7>", "> ACK 1 ack 1")
PLAIN = ("> SYN 0 <mss 1460>", "> ACK 1 ack 1")
# Ten bytes to echo and back, both sides acknowledged.
TEN = ("+ ACK 1:11 ack 1", "~ 1:11 ack 11", "> ACK 11 ack 11")
# Still alive: ten more.
ALIVE = ("+ ACK 11:21 ack 11", "~ 11:21 ack 21")
# The host closes, as an HTTP server does: it is in FIN-WAIT-1 then, and its FIN has number TOLD.
ASKED, TOLD = (1 + len(text) for text in GOOD)
HOST_CLOSES = (f"+ ACK 1:{ASKED} ack 1", f"~ 1:{TOLD} ack {ASKED} fin")
FIN_WAIT_2 = (*HOST_CLOSES, f"> ACK {ASKED} ack {TOLD + 1}")
TIME_WAIT = (*HOST_CLOSES, f"> FIN,ACK {ASKED} ack {TOLD + 1}")
# It shuts down its side only, and reads on.
SHUT_ASKED, SHUT_TOLD = (1 + len(text) for text in BAD)
HOST_SHUTS_DOWN = (f"+ ACK 1:{SHUT_ASKED} ack 1", f"~ 1:{SHUT_TOLD} ack {SHUT_ASKED} fin",
                   f"> ACK {SHUT_ASKED} ack {SHUT_TOLD + 1}")


GROUPS = {}


def group(name, port, *exchanges, text=b""):
    GROUPS.setdefault(name, []).extend(
        Exchange(title, port, tuple(lines), text) for title, *lines in exchanges)


# ---- the handshake ---------------------------------------------------------------------------

group("handshake", ECHO,
      ("no options", "> SYN 0", "> ACK 1 ack 1", *TEN),
      ("all options", *FULL, *TEN),
      ("options in another order", "> SYN 0 <ws 7,nop,ts,sackok,mss 1460>", "> ACK 1 ack 1", *TEN),
      ("MSS alone", *PLAIN, *TEN),
      ("MSS of 0", "> SYN 0 <mss 0>", "> ACK 1 ack 1", *TEN),
      ("MSS of 65535", "> SYN 0 <mss 65535>", "> ACK 1 ack 1", *TEN),
      ("window scale alone", "> SYN 0 <ws 14>", "> ACK 1 ack 1", *TEN),
      ("window scale beyond 14", "> SYN 0 <mss 1460,ws 200>", "> ACK 1 ack 1", *TEN),
      ("timestamps alone", "> SYN 0 <ts>", "> ACK 1 ack 1", *TEN),
      ("SACK permitted alone", "> SYN 0 <sackok>", "> ACK 1 ack 1", *TEN),
      ("an option that nobody knows", "> SYN 0 <raw 4f04abcd,mss 1460>", "> ACK 1 ack 1", *TEN),
      ("an option behind the end of the list", "> SYN 0 <end,mss 1460,ts>", "> ACK 1 ack 1", *TEN),
      ("an option twice", "> SYN 0 <mss 1000,mss 1460>", "> ACK 1 ack 1", *TEN),
      ("an option of length 0", "> SYN 0 <mss 1460,raw 0800>"),
      ("an option of length 1", "> SYN 0 <mss 1460,raw 0801>"),
      ("an option beyond the header", "> SYN 0 <mss 1460,raw 080a>"),
      ("an MSS option of three bytes", "> SYN 0 <raw 020305>", "> ACK 1 ack 1", *TEN),
      ("data on the SYN", "> SYN 0:11 <mss 1460>", "> ACK 1 ack 1", *TEN),
      ("FIN on the SYN", "> SYN,FIN 0"),
      ("RST on the SYN", "> SYN,RST 0"),
      ("SYN with ACK to a listener", "> SYN,ACK 0 ack 5000"),
      ("PSH and URG on the SYN", "> SYN,PSH,URG 0 urg 1", "> ACK 1 ack 1", *TEN),
      ("a window of zero on the SYN", "> SYN 0 win 0 <mss 1460>", "> ACK 1 ack 1", *TEN),
      ("the same SYN twice", "> SYN 0 <mss 1460>", "> SYN 0 <mss 1460>", "> ACK 1 ack 1", *TEN),
      ("another SYN while half open", "> SYN 0 <mss 1460>", "> SYN 5000 <mss 1460>"),
      ("data on the ACK", "> SYN 0 <mss 1460>", "+ ACK 1:11 ack 1", "~ 1:11 ack 11",
       "> ACK 11 ack 11", *ALIVE),
      ("FIN on the ACK", "> SYN 0 <mss 1460>", "+ FIN,ACK 1 ack 1", "~ ack 2 fin", "> ACK 2 ack 2"),
      ("an ACK of what was not sent while half open", "> SYN 0 <mss 1460>", "> ACK 1 ack 5000",
       "> ACK 1 ack 1", *TEN),
      ("an ACK of nothing while half open", "> SYN 0 <mss 1460>", "> ACK 1 ack 0",
       "> ACK 1 ack 1", *TEN),
      ("RST while half open, exact", "> SYN 0 <mss 1460>", "> RST 1", "> ACK 1 ack 1"),
      ("RST while half open, in the window", "> SYN 0 <mss 1460>", "> RST 100", "> ACK 1 ack 1",
       *TEN),
      ("RST while half open, out of the window", "> SYN 0 <mss 1460>", "> RST 200000",
       "> ACK 1 ack 1", *TEN),
      ("no flag at all", "> - 0"),
      ("all flags", "> FIN,SYN,RST,PSH,ACK,URG 0 ack 0"),
      ("ACK to a listener", "> ACK 1 ack 5000"),
      ("ACK with data to a listener", "> ACK 1:11 ack 5000"),
      ("FIN to a listener", "> FIN 1"),
      ("FIN and ACK to a listener", "> FIN,ACK 1 ack 5000"),
      ("RST to a listener", "> RST 1"),
      ("RST and ACK to a listener", "> RST,ACK 1 ack 5000"),
      ("ECN", "> SYN,ECE,CWR 0 <mss 1460>", "> ACK 1 ack 1", *TEN),
      ("ECN without CWR", "> SYN,ECE 0 <mss 1460>", "> ACK 1 ack 1", *TEN),
      ("ECN without ECE", "> SYN,CWR 0 <mss 1460>", "> ACK 1 ack 1", *TEN),
      ("ECN, then the same SYN without", "> SYN,ECE,CWR 0 <mss 1460>", "> SYN 0 <mss 1460>",
       "> ACK 1 ack 1", *TEN),
      ("ECE and CWR where ECN is agreed upon", "> SYN,ECE,CWR 0 <mss 1460>", "> ACK 1 ack 1",
       *TEN, "> ACK,ECE,CWR 11 ack 11", *ALIVE),
      ("ECE and CWR where no ECN is agreed upon", *PLAIN, *TEN, "> ACK,ECE,CWR 11 ack 11", *ALIVE),
      ("SYN with a wrong checksum", "> SYN 0 <mss 1460> bad", "> SYN 0 <mss 1460>",
       "> ACK 1 ack 1", *TEN))

group("closed port", CLOSED,
      ("SYN to a closed port", "> SYN 0 <mss 1460>"),
      ("SYN with data to a closed port", "> SYN 0:11"),
      ("SYN and ACK to a closed port", "> SYN,ACK 0 ack 5000"),
      ("SYN and FIN to a closed port", "> SYN,FIN 0"),
      ("ACK to a closed port", "> ACK 1 ack 5000"),
      ("ACK with data to a closed port", "> ACK 1:11 ack 5000"),
      ("FIN to a closed port", "> FIN 1"),
      ("FIN and ACK to a closed port", "> FIN,ACK 1 ack 5000"),
      ("data without ACK to a closed port", "> PSH 1:11"),
      ("RST to a closed port", "> RST 1"),
      ("RST and ACK to a closed port", "> RST,ACK 1 ack 5000"),
      ("no flag at all to a closed port", "> - 1"),
      ("wrong checksum to a closed port", "> SYN 0 bad"))

# ---- an open connection ----------------------------------------------------------------------

for label, opening in (("", PLAIN), (" with all options", FULL)):
    group("resets and SYNs", ECHO,
          (f"RST, exact{label}", *opening, *TEN, "> RST 11", "> ACK 11 ack 11"),
          (f"RST and ACK, exact{label}", *opening, *TEN, "> RST,ACK 11 ack 11", "> ACK 11 ack 11"),
          (f"RST in the window{label}", *opening, *TEN, "> RST 12", *ALIVE),
          (f"RST beyond the window{label}", *opening, *TEN, "> RST 200000", *ALIVE),
          (f"RST before the window{label}", *opening, *TEN, "> RST 10", *ALIVE),
          (f"RST with an ACK of what was not sent{label}", *opening, *TEN,
           "> RST,ACK 11 ack 500000", "> ACK 11 ack 11"),
          (f"RST with a wrong checksum{label}", *opening, *TEN, "> RST 11 bad", *ALIVE),
          (f"SYN in the window{label}", *opening, *TEN, "> SYN 11", *ALIVE),
          (f"SYN beyond the window{label}", *opening, *TEN, "> SYN 500000", *ALIVE),
          (f"SYN before the window{label}", *opening, *TEN, "> SYN 0", *ALIVE),
          (f"SYN and ACK in the window{label}", *opening, *TEN, "> SYN,ACK 11 ack 11", *ALIVE),
          (f"SYN and ACK of the handshake again{label}", *opening, *TEN, "> SYN,ACK 0 ack 1",
           *ALIVE))
    group("acknowledgements", ECHO,
          (f"ACK of what was not sent{label}", *opening, *TEN, "> ACK 11 ack 5000", *ALIVE),
          (f"data with an ACK of what was not sent{label}", *opening, *TEN,
           "> ACK 11:21 ack 5000", *ALIVE),
          (f"an old ACK{label}", *opening, *TEN, "> ACK 11 ack 1", *ALIVE),
          (f"an ACK older than any window{label}", *opening, *TEN, "> ACK 11 ack -200000", *ALIVE),
          (f"the same ACK again{label}", *opening, *TEN, "> ACK 11 ack 11", *ALIVE),
          (f"data without ACK{label}", *opening, *TEN, "> PSH 11:21 ack 11", *ALIVE),
          (f"no flag at all{label}", *opening, *TEN, "> - 11:21", *ALIVE),
          (f"a keep-alive probe{label}", *opening, *TEN, "> ACK 10 ack 11", *ALIVE),
          (f"a keep-alive probe with a byte{label}", *opening, *TEN, "> ACK 10:11 ack 11",
           *ALIVE),
          (f"data again{label}", *opening, *TEN, "> ACK 1:11 ack 11", *ALIVE),
          (f"data beyond the window{label}", *opening, *TEN, "> ACK 200000:200010 ack 11", *ALIVE),
          (f"an ACK beyond the window{label}", *opening, *TEN, "> ACK 200000 ack 11", *ALIVE),
          (f"data with a wrong checksum{label}", *opening, *TEN, "> ACK 11:21 ack 11 bad", *ALIVE),
          (f"an urgent pointer{label}", *opening, "+ ACK,URG 1:11 ack 1 urg 10", "~ 1:11 ack 11",
           "> ACK 11 ack 11", *ALIVE),
          (f"an urgent pointer beyond the data{label}", *opening, "+ ACK,URG 1:11 ack 1 urg 500",
           "~ 1:11 ack 11", "> ACK 11 ack 11", *ALIVE),
          (f"URG without data{label}", *opening, *TEN, "> ACK,URG 11 ack 11 urg 1", *ALIVE))
    group("order", ECHO,
          (f"a gap, then filled{label}", *opening, "> ACK 11:21 ack 1", "+ ACK 1:11 ack 1",
           "~ 1:21 ack 21"),
          (f"two gaps, filled from behind{label}", *opening, "> ACK 11:21 ack 1",
           "> ACK 31:41 ack 1", "> ACK 21:31 ack 1", "+ ACK 1:11 ack 1", "~ 1:41 ack 41"),
          (f"three gaps, filled from the front{label}", *opening, "> ACK 11:21 ack 1",
           "> ACK 31:41 ack 1", "> ACK 51:61 ack 1", "+ ACK 1:11 ack 1", "~ 1:21 ack 21",
           "+ ACK 21:31 ack 21", "~ 21:41 ack 41", "+ ACK 41:51 ack 41", "~ 41:61 ack 61"),
          (f"the same again behind a gap{label}", *opening, "> ACK 11:21 ack 1",
           "> ACK 11:21 ack 1", "+ ACK 1:11 ack 1", "~ 1:21 ack 21"),
          (f"an overlap behind a gap{label}", *opening, "> ACK 11:21 ack 1", "> ACK 16:31 ack 1",
           "+ ACK 1:11 ack 1", "~ 1:31 ack 31"),
          (f"a cover behind a gap{label}", *opening, "> ACK 16:21 ack 1", "> ACK 11:31 ack 1",
           "+ ACK 1:11 ack 1", "~ 1:31 ack 31"),
          (f"a fill that overlaps both sides{label}", *opening, "> ACK 11:21 ack 1",
           "+ ACK 1:16 ack 1", "~ 1:21 ack 21"),
          (f"data that begin before what is due{label}", *opening, *TEN, "+ ACK 1:21 ack 11",
           "~ 11:21 ack 21"),
          (f"FIN behind a gap{label}", *opening, "> FIN,ACK 11 ack 1", "+ ACK 1:11 ack 1",
           "~ 1:11 ack 12 fin", "> ACK 12 ack 12"),
          (f"five gaps{label}", *opening, *(f"> ACK {n}:{n + 10} ack 1" for n in
                                            (11, 31, 51, 71, 91))))
    group("windows", ECHO,
          (f"our window is shut, and opens{label}", *opening, "> ACK 1 ack 1 win 0",
           "+ ACK 1:11 ack 1 win 0", "~ ack 11", "+ ACK 11 ack 1", "~ 1:11 ack 11",
           "> ACK 11 ack 11", *ALIVE))

group("timestamps", ECHO,
      ("a segment from the past", *FULL, *TEN, "> ACK 11:21 ack 11 <ts -1000>", *ALIVE),
      ("an ACK from the past", *FULL, *TEN, "> ACK 11 ack 11 <ts -1000>", *ALIVE),
      ("a RST from the past", *FULL, *TEN, "> RST 11 <ts -1000>", "> ACK 11 ack 11"),
      ("a SYN from the past", *FULL, *TEN, "> SYN 11 <ts -1000>", *ALIVE),
      ("a FIN from the past", *FULL, *TEN, "> FIN,ACK 11 ack 11 <ts -1000>", *ALIVE),
      ("data again from the past", *FULL, *TEN, "> ACK 1:11 ack 11 <ts -1000>", *ALIVE),
      ("a segment without timestamps", *FULL, *TEN, "> ACK 10 ack 11 <>", *ALIVE),
      ("a RST without timestamps", *FULL, *TEN, "> RST 11 <>", "> ACK 11 ack 11"),
      ("timestamps where none are agreed upon", *PLAIN, *TEN, "> ACK 11 ack 11 <ts>", *ALIVE),
      ("SACK where none is agreed upon", *PLAIN, *TEN, "> ACK 11 ack 11 <sack 5 9>", *ALIVE),
      ("SACK of what was not sent", *FULL, *TEN, "> ACK 11 ack 11 <sack 5000 6000,ts>", *ALIVE))

group("shut window", ECHO,
      ("data into a shut window", *FULL, "> ACK 1 ack 1 win 0", "fill",
       "> ACK 1000000:1000001 ack 1 win 0", "> ACK 1000000:1001000 ack 1 win 0"),
      ("a probe below a shut window", *FULL, "> ACK 1 ack 1 win 0", "fill",
       "> ACK 999999 ack 1 win 0", "> ACK 999999:1000000 ack 1 win 0"),
      ("RST into a shut window", *FULL, "> ACK 1 ack 1 win 0", "fill", "> RST 1000000",
       "> ACK 1000000 ack 1 win 0"),
      ("RST beyond a shut window", *FULL, "> ACK 1 ack 1 win 0", "fill", "> RST 1000001",
       "> ACK 1000000 ack 1 win 0"))

# ---- the end ---------------------------------------------------------------------------------

for label, opening in (("", PLAIN), (" with all options", FULL)):
    group("the peer closes", ECHO,
          (f"FIN{label}", *opening, *TEN, "+ FIN,ACK 11 ack 11", "~ ack 12 fin",
           "> ACK 12 ack 12", "> ACK 12 ack 12"),
          (f"FIN with data{label}", *opening, "+ FIN,ACK 1:11 ack 1", "~ 1:11 ack 12 fin",
           "> ACK 12 ack 12"),
          (f"FIN again in LAST-ACK{label}", *opening, *TEN, "+ FIN,ACK 11 ack 11",
           "~ ack 12 fin", "> FIN,ACK 11 ack 11", "> ACK 12 ack 12", "> ACK 12 ack 12"),
          (f"data in LAST-ACK{label}", *opening, *TEN, "+ FIN,ACK 11 ack 11", "~ ack 12 fin",
           "> ACK 12:22 ack 11", "> ACK 12 ack 12"),
          (f"RST in LAST-ACK{label}", *opening, *TEN, "+ FIN,ACK 11 ack 11", "~ ack 12 fin",
           "> RST 12", "> ACK 12 ack 12"),
          (f"FIN without ACK{label}", *opening, *TEN, "> FIN 11", *ALIVE))
    group("the host closes", HTTP,
          (f"FIN-WAIT-2, then our FIN{label}", *opening, *FIN_WAIT_2,
           f"> FIN,ACK {ASKED} ack {TOLD + 1}"),
          (f"data for a host that reads no more{label}", *opening, *FIN_WAIT_2,
           f"> ACK {ASKED}:{ASKED + 10} ack {TOLD + 1}"),
          (f"FIN that acknowledges, FIN-WAIT-1 to TIME-WAIT{label}", *opening, *TIME_WAIT),
          (f"simultaneous close{label}", *opening, *HOST_CLOSES, f"> FIN,ACK {ASKED} ack {TOLD}",
           f"> ACK {ASKED + 1} ack {TOLD + 1}", f"> FIN,ACK {ASKED} ack {TOLD + 1}"),
          (f"FIN again in CLOSING{label}", *opening, *HOST_CLOSES, f"> FIN,ACK {ASKED} ack {TOLD}",
           f"> FIN,ACK {ASKED} ack {TOLD}", f"> ACK {ASKED + 1} ack {TOLD + 1}"),
          (f"FIN again in TIME-WAIT{label}", *opening, *TIME_WAIT,
           f"> FIN,ACK {ASKED} ack {TOLD + 1}"),
          (f"an ACK in TIME-WAIT{label}", *opening, *TIME_WAIT,
           f"> ACK {ASKED + 1} ack {TOLD + 1}"),
          (f"old data in TIME-WAIT{label}", *opening, *TIME_WAIT,
           f"> ACK 1:{ASKED} ack {TOLD + 1}"),
          (f"new data in TIME-WAIT{label}", *opening, *TIME_WAIT,
           f"> ACK {ASKED + 1}:{ASKED + 11} ack {TOLD + 1}"),
          (f"data beyond the window in TIME-WAIT{label}", *opening, *TIME_WAIT,
           f"> ACK {ASKED + 200000}:{ASKED + 200010} ack {TOLD + 1}"),
          (f"RST in TIME-WAIT{label}", *opening, *TIME_WAIT, f"> RST {ASKED + 1}",
           f"> FIN,ACK {ASKED} ack {TOLD + 1}"),
          (f"RST out of the window in TIME-WAIT{label}", *opening, *TIME_WAIT, "> RST 300000",
           f"> FIN,ACK {ASKED} ack {TOLD + 1}"),
          (f"an old SYN in TIME-WAIT{label}", *opening, *TIME_WAIT, "> SYN 1"),
          (f"RST in FIN-WAIT-1{label}", *opening, *HOST_CLOSES, f"> RST {ASKED}",
           f"> ACK {ASKED} ack {TOLD}"),
          (f"RST in FIN-WAIT-2{label}", *opening, *FIN_WAIT_2, f"> RST {ASKED}",
           f"> ACK {ASKED} ack {TOLD + 1}"),
          (f"ACK of what was not sent in FIN-WAIT-1{label}", *opening, *HOST_CLOSES,
           f"> ACK {ASKED} ack {TOLD + 5000}", f"> FIN,ACK {ASKED} ack {TOLD + 1}"),
          text=GOOD[0])
    group("the host closes", HTTP,
          (f"half-closed: data in FIN-WAIT-2, then our FIN{label}", *opening, *HOST_SHUTS_DOWN,
           f"+ ACK {SHUT_ASKED}:{SHUT_ASKED + 10} ack {SHUT_TOLD + 1}", f"~ ack {SHUT_ASKED + 10}",
           f"> FIN,ACK {SHUT_ASKED + 10} ack {SHUT_TOLD + 1}"),
          (f"half-closed: data out of order in FIN-WAIT-2{label}", *opening, *HOST_SHUTS_DOWN,
           f"> ACK {SHUT_ASKED + 10}:{SHUT_ASKED + 20} ack {SHUT_TOLD + 1}",
           f"+ FIN,ACK {SHUT_ASKED}:{SHUT_ASKED + 20} ack {SHUT_TOLD + 1}",
           f"~ ack {SHUT_ASKED + 21}"),
          (f"SYN in FIN-WAIT-2{label}", *opening, *HOST_SHUTS_DOWN, f"> SYN {SHUT_ASKED}",
           f"> FIN,ACK {SHUT_ASKED} ack {SHUT_TOLD + 1}"),
          text=BAD[0])

group("the host closes", HTTP,
      ("a new SYN in TIME-WAIT", *PLAIN, *TIME_WAIT, "> SYN 100000 <mss 1460>"),
      ("a new SYN in TIME-WAIT with a newer timestamp", *FULL, *TIME_WAIT,
       "> SYN 100000 <mss 1460,sackok,ts,ws 7>"),
      ("an old SYN in TIME-WAIT with a newer timestamp", *FULL, *TIME_WAIT,
       "> SYN 1 <mss 1460,sackok,ts,ws 7>"),
      ("a FIN from the past in TIME-WAIT", *FULL, *TIME_WAIT,
       f"> FIN,ACK {ASKED} ack {TOLD + 1} <ts -1000>"),
      text=GOOD[0])


# ---- the host connects -----------------------------------------------------------------------

ACCEPT = ("+ SYN,ACK 0 ack 1 <mss 1460,sackok,ts,ws 7>", "~ ack 1 fin", "> FIN,ACK 1 ack 2")
CONNECTS = [Exchange(title, None, ("open", *lines)) for title, *lines in (
    ("all options on the SYN-ACK", *ACCEPT),
    ("no options on the SYN-ACK", "+ SYN,ACK 0 ack 1", "~ ack 1 fin", "> FIN,ACK 1 ack 2"),
    ("a SYN-ACK of what was not sent", "> SYN,ACK 0 ack 5000 <mss 1460>", *ACCEPT),
    ("a SYN-ACK of nothing", "> SYN,ACK 0 ack 0 <mss 1460>", *ACCEPT),
    ("a SYN-ACK with a wrong checksum", "> SYN,ACK 0 ack 1 <mss 1460> bad", *ACCEPT),
    ("an ACK in SYN-SENT", "> ACK 0 ack 1", *ACCEPT),
    ("an ACK of what was not sent in SYN-SENT", "> ACK 0 ack 5000", *ACCEPT),
    ("FIN and ACK in SYN-SENT", "> FIN,ACK 0 ack 1", *ACCEPT),
    ("RST without ACK in SYN-SENT", "> RST 0", *ACCEPT),
    ("RST with an ACK of what was not sent in SYN-SENT", "> RST,ACK 0 ack 5000", *ACCEPT),
    ("RST with an ACK of nothing in SYN-SENT", "> RST,ACK 0 ack 0", *ACCEPT),
    ("RST and ACK in SYN-SENT", "+ RST,ACK 0 ack 1", "refused"),
    ("both connect", "> SYN 0 <mss 1460,sackok,ts,ws 7>", *ACCEPT))]


# ---- what may differ -------------------------------------------------------------------------

def permitted(reason, *differences):
    """Each is (exchange, line that counts from 0, what millrace answers, what the kernel does)."""
    return {(name, line): (millrace, kernel, reason)
            for name, line, millrace, kernel in differences}


PERMITTED = {
    **permitted(
        "An option whose length makes no sense means a spoilt or hostile segment: millrace drops "
        "it, and counts it under a name of its own. Linux takes what stands before.",
        *((f"an option {what}", 0, "", "SYN,ACK 0 ack 1 <mss 1460>")
          for what in ("of length 0", "of length 1", "beyond the header"))),
    **permitted(
        "A SYN in the window of a half-open connection is challenged, as RFC 5961 section 4 has it "
        "for every synchronized state: a blind one cannot end the handshake. Linux resets.",
        ("another SYN while half open", 1, "ACK 1 ack 1", "RST,ACK zero ack 5001")),
    **permitted(
        "No TCP sends these flags, only scanners do. They get no answer, so a port that is closed "
        "does not tell itself from one that a firewall hides. Linux answers as RFC 9293 section "
        "3.10.7.1 says.",
        ("SYN and FIN to a closed port", 0, "", "RST,ACK zero ack 2"),
        ("FIN to a closed port", 0, "", "RST,ACK zero ack 2"),
        ("data without ACK to a closed port", 0, "", "RST,ACK zero ack 11"),
        ("no flag at all to a closed port", 0, "", "RST,ACK zero ack 1")),
    **permitted(
        "TS.Recent moves at R3 of RFC 7323 section 5.3, before SYN and ACK are looked at. Linux "
        "waits until the ACK is found good.",
        *((f"{what} with all options", line, f"ACK {numbers} <ts ecr {ours}>",
           f"ACK {numbers} <ts ecr {theirs}>")
          for what, line, numbers, ours, theirs in (
              ("SYN in the window", 5, "11 ack 11", 5, 4),
              ("SYN and ACK in the window", 5, "11 ack 11", 5, 4),
              ("ACK of what was not sent", 5, "11 ack 11", 5, 4),
              ("data with an ACK of what was not sent", 5, "11 ack 11", 5, 4),
              ("SYN in FIN-WAIT-2", 5, f"{SHUT_TOLD + 1} ack {SHUT_ASKED}", 5, 4),
              ("ACK of what was not sent in FIN-WAIT-1", 4, f"{TOLD + 1} ack {ASKED}", 4, 3)))),
    **permitted(
        "What ends exactly at RCV.NXT lies before the window and is not acceptable (RFC 9293 "
        "section 3.4), so it does not move TS.Recent. Linux counts it as within.",
        ("a keep-alive probe with a byte with all options", 5,
         "ACK 11 ack 11 <sack 10:11, ts ecr 4>", "ACK 11 ack 11 <sack 10:11, ts ecr 5>"),
        ("data again with all options", 5,
         "ACK 11 ack 11 <sack 1:11, ts ecr 4>", "ACK 11 ack 11 <sack 1:11, ts ecr 5>"),
        ("a probe below a shut window", 5,
         "ACK 1 ack 1000000 win 0 <sack 999999:1000000, ts ecr 1000001>",
         "ACK 1 ack 1000000 win 0 <sack 999999:1000000, ts ecr 1000003>")),
    **permitted(
        "The probe of a shut window is acceptable but for its text (RFC 9293 section 3.10.7.4), "
        "and its answer echoes it, so that the peer can measure. Linux echoes what came before.",
        ("data into a shut window", 4, "ACK 1 ack 1000000 win 0 <ts ecr 1000002>",
         "ACK 1 ack 1000000 win 0 <ts ecr 1000001>"),
        ("data into a shut window", 5, "ACK 1 ack 1000000 win 0 <ts ecr 1000003>",
         "ACK 1 ack 1000000 win 0 <ts ecr 1000001>")),
    **permitted(
        "RFC 2018 and RFC 2883 speak of data; Linux reports the number of a FIN, too, and lets one "
        "that came again move TS.Recent.",
        ("FIN behind a gap with all options", 2, "ACK 1 ack 1 <ts ecr 2>",
         "ACK 1 ack 1 <sack 11:12, ts ecr 2>"),
        ("FIN again in LAST-ACK with all options", 7, "ACK 12 ack 12 <ts ecr 5>",
         "ACK 12 ack 12 <sack 11:12, ts ecr 6>"),
        ("FIN again in CLOSING with all options", 5, f"ACK {TOLD + 1} ack {ASKED + 1} <ts ecr 4>",
         f"ACK {TOLD + 1} ack {ASKED + 1} <sack {ASKED}:{ASKED + 1}, ts ecr 5>")),
    **permitted(
        "RFC 5961 section 5 challenges an ACK older than the largest window the peer ever had, "
        "which is 8 MB here. Linux counts no more of it than was sent at all.",
        ("an ACK older than any window with all options", 5, "", "ACK 11 ack 11 <ts ecr 4>")),
    **permitted(
        "RFC 7323 section 5.3, R1: what PAWS refuses is answered. Linux lets an empty ACK pass "
        "that is older by less than a retransmission timeout, as merely out of order.",
        ("an ACK from the past", 5, "ACK 11 ack 11 <ts ecr 4>", "")),
    **permitted(
        "RFC 7323 section 3.2: a segment without the timestamps agreed upon is dropped without an "
        "answer. Linux takes it.",
        ("a segment without timestamps", 5, "", "ACK 11 ack 11 <ts ecr 4>")),
    **permitted(
        "The connection is still known, so the reset is of the kind that ends one: it acknowledges "
        "(RFC 9293 section 3.10.5). Linux has forgotten all but a record, and answers from that.",
        ("data for a host that reads no more", 5, f"RST,ACK {TOLD + 1} ack {ASKED}",
         f"RST {TOLD + 1}"),
        ("data for a host that reads no more with all options", 5,
         f"RST,ACK {TOLD + 1} ack {ASKED} <ts ecr 5>", f"RST {TOLD + 1}")),
    **permitted(
        "A RST that RFC 1337 has ignored leaves TIME-WAIT as it was, TS.Recent too. Linux takes "
        "its timestamp.",
        ("RST in TIME-WAIT with all options", 6, f"ACK {TOLD + 1} ack {ASKED + 1} <ts ecr 4>",
         f"ACK {TOLD + 1} ack {ASKED + 1} <ts ecr 5>")),
}


def judge(exchange, ours, theirs):
    """(difference that is not permitted, permitted difference that is gone), "" for none."""
    for line, pair in enumerate(zip(ours, theirs)):
        *allowed, reason = PERMITTED.get((exchange.name, line), ("", "", None))
        differ = pair[0] != pair[1]
        if differ and ["; ".join(answers) for answers in pair] != allowed:
            return (f"{exchange.name}, line {line}\n  millrace\n{transcript(exchange, ours)}\n"
                    f"  the kernel\n{transcript(exchange, theirs)}", "")
        if reason and not differ:
            return "", f"{exchange.name}, line {line}: {reason}"
    return "", ""


def conclude(verdicts):
    wrong, gone = ([text for text in texts if text] for texts in zip(*verdicts))
    if wrong:
        raise Failure(f"{len(wrong)} differences that are not permitted\n" + "\n".join(wrong))
    expect(not gone, "permitted differences that are gone: " + "; ".join(gone))


def compare(lab, name):
    verdicts = []
    with millrace_host(lab) as millrace, kernel_host(lab) as kernel, on_one_cpu():
        for port, exchange in enumerate(GROUPS[name], 41000):
            verdicts.append(judge(exchange, Play(millrace, exchange, port).run(),
                                  Play(kernel, exchange, port).run()))
    conclude(verdicts)


def compare_connects(lab):
    verdicts = []
    namespace = lab.namespace("c")
    with kernel_host(lab) as kernel:
        for port, exchange in enumerate(CONNECTS, 42000):
            with millrace_client(lab, namespace, port) as millrace, on_one_cpu():
                ours = Play(millrace, exchange, port).run()
            with on_one_cpu():
                theirs = Play(kernel, exchange, port).run()
            verdicts.append(judge(exchange, ours, theirs))
    conclude(verdicts)


for title, exchanges in GROUPS.items():
    CASES.add(f"differential, {title}: {len(exchanges)} exchanges are as the kernel's",
              lambda lab, n=title: compare(lab, n), seconds=200)
CASES.add(f"differential, the host connects: {len(CONNECTS)} exchanges are as the kernel's",
          compare_connects, seconds=200)
