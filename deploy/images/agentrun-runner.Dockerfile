# The agent with a shell, git and what belongs to them. What changes seldom comes first,
# so that a new runner is one small layer.
FROM scratch
COPY archives/system/ /
COPY archives/agent/ /
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY deploy/images/agentrun-runner/passwd deploy/images/agentrun-runner/group /etc/
COPY agentrun-runner /usr/local/bin/agentrun-runner
ENV PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8
WORKDIR /workspace
USER 65532:65532
# tini hands signals on. What the agent leaves behind is the runner's to take in and to end.
ENTRYPOINT ["/usr/bin/tini", "-g", "--", "/usr/local/bin/agentrun-runner"]
