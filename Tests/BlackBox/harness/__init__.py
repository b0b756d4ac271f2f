"""What the black-box tests stand on: the gateway's process, raw HTTP, a scripted upstream, the case list."""
