package key

import "testing"

func TestMoving(t *testing.T) {
	for raw, want := range map[string]string{
		"https://get.example.com/install.sh":                                             "install.sh",
		"https://raw.githubusercontent.com/nvm-sh/nvm/v0.39.7/install.sh":                "",
		"https://raw.githubusercontent.com/nvm-sh/nvm/master/install.sh":                 "master",
		"https://raw.githubusercontent.com/o/r/HEAD/x.py":                                "HEAD",
		"https://raw.githubusercontent.com/o/r/0a51959c/x.py":                            "",
		"https://github.com/o/r/releases/latest/download/tool-linux-amd64":               "latest",
		"https://github.com/o/r/releases/latest/download/tool-1.2.3.tar.gz":              "",
		"https://repo.anaconda.com/miniconda/Miniconda3-latest-Linux-x86_64.sh":          "latest",
		"https://repo.anaconda.com/miniconda/Miniconda3-py311_24.1.2-0-Linux-x86_64.sh":  "",
		"https://dl.k8s.io/release/stable.txt":                                           "stable",
		"https://dl.google.com/linux/direct/google-chrome-stable_current_amd64.deb":      "stable",
		"https://download.mozilla.org/?product=firefox-latest&os=linux64":                "latest",
		"https://example.com/tool?version=latest":                                        "latest",
		"https://example.com/tool?version=1.2":                                           "",
		"https://nodejs.org/dist/v20.11.0/node-v20.11.0-linux-x64.tar.xz":                "",
		"https://nginx.org/packages/stable/nginx_1.24.0-1_amd64.deb":                     "",
		"https://cloud-images.ubuntu.com/noble/current/noble-server-cloudimg-amd64.img":  "current",
		"https://cloud-images.ubuntu.com/noble/20240605/noble-server-cloudimg-amd64.img": "",
		"https://sh.rustup.rs/":                "sh.rustup.rs",
		"https://bootstrap.pypa.io/get-pip.py": "get-pip.py",
		"https://developer.download.nvidia.com/compute/cuda/12.9/cuda_12.9_linux.run":         "",
		"https://developer.download.nvidia.com/compute/cuda/repos/ubuntu2204/x86_64/cuda.pin": "",
		"https://example.com/unstable-thing":                                                  "",
		"https://example.com/getting-started.pdf":                                             "",
		"https://example.com/tool.sh":                                                         "tool.sh",
		"https://example.com/2024/tools/run.sh":                                               "",
		"https://h/x.bin?sig=latest&se=2026-11-28&sp=r":                                       "",
		"https://huggingface.co/TheBloke/x/resolve/main/model-00001-of-00002.safetensors":     "main",
	} {
		if got := mustParse(t, raw).Moving(); got != want {
			t.Errorf("%s: %q, want %q", raw, got, want)
		}
	}
}

func TestDrifting(t *testing.T) {
	const a, b = "Zk3q8XbN0pLs9QvT2rYw7UhJ", "b7Vx1MnC4dEf6GhI8jKl0PoQ"
	for _, tt := range []struct{ a, b, want string }{
		{"t=" + a, "t=" + b, "t"}, {"v=1&t=" + a, "v=1&t=" + b, "t"}, {"t=" + a + "&v=1", "t=" + b + "&v=1", "t"},
		{"v=1&t=" + a, "v=2&t=" + b, ""}, {"t=1", "t=2", ""}, {"t=" + a, "t=1", ""}, {"t=" + a, "t=" + a, ""}, {"t=" + a, "u=" + b, ""},
		{"t=" + a, "t=" + b + "&x", ""}, {"version=" + a, "version=" + b, ""}, {"h=9f86d081884c7d659a2feaa0c55ad0159f86d081", "h=8f86d081884c7d659a2feaa0c55ad0159f86d082", ""},
		{"t=eyJhbGciOiJIUzI1NiJ9.a", "t=eyJhbGciOiJIUzI1NiJ9.b", "t"},
	} {
		if got := ChangingParam("https://h/f?"+tt.a, "https://h/f?"+tt.b); got != tt.want {
			t.Errorf("%s, %s: %q, want %q", tt.a, tt.b, got, tt.want)
		}
	}
	if ChangingParam("https://h/f?t="+a, "https://h/g?t="+b) != "" || ChangingParam("https://h/f", "https://h/f?t="+b) != "" {
		t.Error("of two paths")
	}
}
