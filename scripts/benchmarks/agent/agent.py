"""Prints nanoseconds until registered, nanoseconds for a call, and bytes of resident memory, with py_eureka_client."""

import sys
import time

import py_eureka_client.eureka_client as eureka_client

calls = 200
began = time.perf_counter_ns()
eureka_client.init(eureka_server=sys.argv[1], app_name="bench", instance_host="localhost", instance_ip="127.0.0.1")
registered = time.perf_counter_ns() - began
began = time.perf_counter_ns()
for _ in range(calls):
    eureka_client.do_service("STOCK", "/")
call = (time.perf_counter_ns() - began) // calls
with open("/proc/self/status") as status:
    resident = next(int(line.split()[1]) << 10 for line in status if line.startswith("VmRSS:"))
print(registered, call, resident, file=sys.stderr)  # the client logs to stdout
eureka_client.stop()
