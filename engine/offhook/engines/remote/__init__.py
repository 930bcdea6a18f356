"""What engines on other people's servers share: keys, connections, refusals, the thread they live on."""
