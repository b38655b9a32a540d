using System.Diagnostics;
using System.Text.RegularExpressions;
using Dino.Gpu.Tests.Support;
using k8s;
using k8s.Models;

namespace Dino.Gpu.Tests.Server.Deployment;

/// <summary>
/// What runs the service elsewhere: Kubernetes, systemd and a container. Each file is read by what it is for.
/// </summary>
public sealed partial class DeploymentTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    [Theory]
    [InlineData("job.yaml", "V1Job")]
    [InlineData("serve.yaml", "V1Deployment V1Service V2HorizontalPodAutoscaler V1PodDisruptionBudget V1NetworkPolicy")]
    public void Manifests_have_only_known_members(string file, string kinds)
    {
        string text = File.ReadAllText(SourceTree.Find("cluster", "kubernetes", file));
        Assert.Equal(kinds, string.Join(' ', Read(text).Select(one => one.GetType().Name)));
        Assert.ThrowsAny<Exception>(() => Read(text.Replace("resources:", "resource:", StringComparison.Ordinal)));
    }

    [Fact]
    public void Parts_of_the_deployment_fit_together()
    {
        string text = File.ReadAllText(SourceTree.Find("cluster", "kubernetes", "serve.yaml"));
        List<object> all = Read(text);
        V1Deployment deployment = all.OfType<V1Deployment>().Single();
        V1PodSpec pod = deployment.Spec.Template.Spec;
        V1Container container = pod.Containers.Single();
        IDictionary<string, string> labels = deployment.Spec.Template.Metadata.Labels;
        V1ContainerPort port = container.Ports.Single();

        Assert.Equal(labels, deployment.Spec.Selector.MatchLabels);
        V1Service service = all.OfType<V1Service>().Single();
        Assert.Equal(labels, service.Spec.Selector);
        Assert.Equal(port.Name, service.Spec.Ports.Single().TargetPort.Value);
        Assert.Equal(labels, all.OfType<V1PodDisruptionBudget>().Single().Spec.Selector.MatchLabels);
        V1NetworkPolicy network = all.OfType<V1NetworkPolicy>().Single();
        Assert.Equal(labels, network.Spec.PodSelector.MatchLabels);
        Assert.Equal($"{port.ContainerPort}", network.Spec.Ingress.Single().Ports.Single().Port.Value);
        V2HorizontalPodAutoscaler scaler = all.OfType<V2HorizontalPodAutoscaler>().Single();
        Assert.Equal(deployment.Metadata.Name, scaler.Spec.ScaleTargetRef.Name);
        string rules = File.ReadAllText(SourceTree.Find("cluster", "kubernetes", "serve-metrics.yaml"));
        Assert.Contains($"as: {scaler.Spec.Metrics.Single().Pods.Metric.Name}", rules, StringComparison.Ordinal);

        Assert.Equal(pod.Volumes.Select(volume => volume.Name).Order(), container.VolumeMounts.Select(mount => mount.Name).Order());
        Assert.All([container.StartupProbe, container.ReadinessProbe, container.LivenessProbe], probe =>
        {
            Assert.Equal(port.Name, probe.HttpGet.Port.Value);
            Assert.Matches("^/health/(ready|live)$", probe.HttpGet.Path);
        });
        Assert.True(pod.SecurityContext.RunAsNonRoot);
        Assert.True(container.SecurityContext.ReadOnlyRootFilesystem);
        Assert.Equal(["ALL"], container.SecurityContext.Capabilities.Drop);
    }

    /// <summary>A variable that is misspelled would be ignored in silence.</summary>
    [Theory]
    [InlineData("kubernetes/serve.yaml")]
    [InlineData("systemd/dino-serve.service")]
    [InlineData("container/Containerfile")]
    public void Variables_are_options_of_the_command(string file)
    {
        string text = File.ReadAllText(SourceTree.Find("cluster", file));
        string[] named = [.. Variable().Matches(text).Select(match => match.Value).Distinct()];
        Assert.NotEmpty(named);
        string options = File.ReadAllText(SourceTree.Find("docs", "cli.md"));
        Assert.All(named, name => Assert.Contains(
            "--" + name["DINO_".Length..].ToLowerInvariant().Replace('_', '-'), options, StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_unit_is_one_that_systemd_takes_and_calls_hardened()
    {
        string unit = SourceTree.Find("cluster", "systemd", "dino-serve.service");
        Assert.SkipUnless(File.Exists("/usr/bin/systemd-analyze"), "no systemd-analyze");
        using var folder = new TemporaryFolder();
        string text = File.ReadAllText(unit).Replace("/usr/local/bin/dino", "/bin/true", StringComparison.Ordinal); // one that is there
        string copy = folder.Write("dino-serve.service", text);
        (int code, string output) = await RunAsync("systemd-analyze", "verify", copy);
        Assert.True(code == 0 && !output.Contains(copy, StringComparison.Ordinal), output);

        // 0 is the safest, 10 the least safe; systemd calls a unit with 2.0 "ok".
        (code, output) = await RunAsync("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20", copy);
        Assert.True(code == 0, output);
    }

    [Fact]
    public void The_image_has_no_root_and_is_made_of_what_is_there()
    {
        string path = SourceTree.Find("cluster", "container", "Containerfile");
        string[] lines = [.. File.ReadAllText(path).Replace("\\\n", " ", StringComparison.Ordinal).Split('\n')
            .Where(line => line.Length > 0 && line[0] != '#')];
        string[] known = ["FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "EXPOSE", "STOPSIGNAL", "ENTRYPOINT"];
        Assert.All(lines, line => Assert.Contains(line.Split(' ')[0], known));
        int last = Array.FindLastIndex(lines, line => line.StartsWith("FROM ", StringComparison.Ordinal));
        Assert.EndsWith("-chiseled", lines[last], StringComparison.Ordinal);
        Assert.DoesNotContain(lines[last..], line => line.StartsWith("RUN ", StringComparison.Ordinal)); // no shell
        Assert.Equal("USER $APP_UID", lines.Last(line => line.StartsWith("USER ", StringComparison.Ordinal)));
        Assert.EndsWith("[\"dotnet\", \"/app/dino.dll\", \"serve\"]", lines[^1], StringComparison.Ordinal);

        // What is built is what comes along.
        string project = Project().Match(string.Join('\n', lines)).Groups[1].Value;
        Assert.True(Directory.Exists(SourceTree.Find(project)));
        string[] kept =
            [.. File.ReadAllLines(SourceTree.Find(".dockerignore")).Where(line => line.StartsWith('!')).Select(line => line[1..])];
        Assert.All(kept, name => SourceTree.Find(name));
        Assert.Contains("src", kept);
        Assert.All(Directory.GetFiles(SourceTree.Root!, "Directory.*.props").Select(Path.GetFileName), name => Assert.Contains(name, kept));
    }

    private static List<object> Read(string manifests) => KubernetesYaml.LoadAllFromString(manifests, typeMap: null, strict: true);

    private static async Task<(int Code, string Output)> RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(Patience);
        Task<string> output = process.StandardOutput.ReadToEndAsync(limit.Token);
        Task<string> error = process.StandardError.ReadToEndAsync(limit.Token);
        await process.WaitForExitAsync(limit.Token);
        return (process.ExitCode, await output + await error);
    }

    [GeneratedRegex("DINO_[A-Z_]+")]
    private static partial Regex Variable();

    [GeneratedRegex(@"dotnet publish (\S+)")]
    private static partial Regex Project();
}
