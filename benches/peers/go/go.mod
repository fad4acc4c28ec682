module github.com/imagereview/imagereview/benches/peers/go

go 1.26.0
