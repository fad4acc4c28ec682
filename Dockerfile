# The final stage holds two static programs and nothing else: no shell, no libraries, nothing to patch.
# The digest decides; the tag says what it is. `docker buildx imagetools inspect docker.io/library/rust:1.95-bookworm` shows
# that of now.
FROM docker.io/library/rust:1.95-bookworm@sha256:6258907abe69656e41cd992e0b705cdcfabcbbe3db374f92ed2d47121282d4a1 AS build
WORKDIR /source
COPY . .
RUN deploy/static /programs

FROM scratch
COPY --from=build /programs/imagereview /programs/imagereview-http /usr/bin/
# In a container, loopback would answer nobody.
ENV IMAGEREVIEW_LISTEN=0.0.0.0:8443 IMAGEREVIEW_HEALTH_LISTEN=0.0.0.0:8081
EXPOSE 8443 8081
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
ENTRYPOINT ["/usr/bin/imagereview-http"]
