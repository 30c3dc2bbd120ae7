// The VM's small parts that need no VM: its command line, its record, what distros are told of the host, its log.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "distros/host/error.h"
#include "distros/host/files.h"
#include "distros/host/remove_tree.h"
#include "runtime-v2/host/accelerator.h"
#include "runtime-v2/host/file_identity.h"
#include "runtime-v2/host/host_facts.h"
#include "runtime-v2/host/log_bound.h"
#include "runtime-v2/host/machine.h"
#include "runtime-v2/host/process.h"
#include "runtime-v2/host/qemu_command.h"
#include "runtime-v2/host/sleeping_vm.h"
#include "runtime-v2/host/swap_file.h"
#include "runtime-v2/host/user_kernel.h"
#include "runtime-v2/host/vm_end.h"
#include "runtime-v2/host/vm_record.h"
#include "runtime-v2/host/vm_settings.h"

namespace wslm {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string After(const std::vector<std::string>& arguments, const std::string& option) {
  const auto found = std::find(arguments.begin(), arguments.end(), option);
  return found == arguments.end() || found + 1 == arguments.end() ? "" : *(found + 1);
}

TEST(QemuArgumentsTest, TellTheKernelTheClocksRateUnderEmulationOnly) {
  const auto emulated = QemuArguments({.program = "/q", .kvm = false, .tsc_khz = 2'500'000});
  EXPECT_THAT(After(emulated, "-accel"), HasSubstr("tcg"));
  EXPECT_THAT(After(emulated, "-append"), HasSubstr("tsc_early_khz=2500000"));
  EXPECT_EQ(After(emulated, "-cpu"), HostMachine().emulated_processor);
  const auto kvm = QemuArguments({.program = "/q", .kvm = true});
  EXPECT_EQ(After(kvm, "-accel"), "kvm");
  EXPECT_THAT(After(kvm, "-append"), Not(HasSubstr("tsc")));
  EXPECT_EQ(After(kvm, "-cpu"), "max");
}

TEST(QemuArgumentsTest, APathCannotAddOptions) {
  const auto arguments =
      QemuArguments({.program = "/q", .modules_image = "/a,readonly=off", .qmp_socket = "/b,server=off"});
  EXPECT_THAT(arguments, testing::Contains(HasSubstr("/a,,readonly=off")));
  EXPECT_EQ(After(arguments, "-qmp"), "unix:/b,,server=off,server=on,wait=off");
}

TEST(QemuArgumentsTest, AKernelWithoutModulesHasNoDiskOfThem) {
  EXPECT_THAT(QemuArguments({.program = "/q", .modules_image = "/m"}), testing::Contains(HasSubstr("drive=modules")));
  EXPECT_THAT(QemuArguments({.program = "/q"}), Not(testing::Contains(HasSubstr("modules"))));
}

TEST(QemuArgumentsTest, PasstIsASecondDeviceWhoseDescriptorComesLast) {
  EXPECT_THAT(QemuArguments({.program = "/q"}), Not(testing::Contains(HasSubstr("stream"))));
  EXPECT_THAT(QemuArguments({.program = "/q", .passt = true}), testing::Contains(HasSubstr("addr.str=4")));
  const auto arguments = QemuArguments({.program = "/q", .passt = true, .incoming = true});
  EXPECT_THAT(arguments, testing::Contains(HasSubstr("addr.str=5")));
  EXPECT_THAT(arguments, testing::Contains("user,id=net0"));
}

TEST(QemuArgumentsTest, EndQemuWhenTheGuestResets) {
  const auto arguments = QemuArguments({.program = "/q"});
  EXPECT_THAT(arguments, testing::Contains("-no-reboot"));
  EXPECT_THAT(After(arguments, "-append"), HasSubstr("panic=-1 reboot=t"));
  EXPECT_THAT(After(arguments, "-sandbox"), HasSubstr("spawn=deny"));
}

TEST(VmRecordTest, ComesBackAsItWasWritten) {
  const VmRecord record{.pid = 42,
                        .start_time = 123456789012,
                        .accelerator = "tcg",
                        .accelerator_reason = "No \"KVM\" here.",
                        .passt = true,
                        .network_reason = "So it is.",
                        .start = VmStart::kRestoring,
                        .machine = "0123",
                        .memory_mib = 512,
                        .processors = 2,
                        .modules_image = "/modules",
                        .swap = true,
                        .disks = {{"a", {.slot = 1, .wwid = "naa.3000000000000002", .image = "/a \"b\""}},
                                  {"b", {.slot = 3, .wwid = "x", .image = "", .driver = "vpc"}}},
                        .shared_disks = {{"data",
                                          {.disk = {.slot = 2, .wwid = "naa.3", .image = "/d.img"},
                                           .shown = {.name = "data",
                                                     .source = "/d.img",
                                                     .format = "qcow2",
                                                     .type = "ext4",
                                                     .options = "ro",
                                                     .partition = 1,
                                                     .read_only = true},
                                           .mounted = true}}},
                        .forwards = {{{80, false}, {false, 80}},
                                     {{8080, false}, {true, 8080}},
                                     {{8081, false}, {true, 40'000}},
                                     {{53, true}, {false, 53}}}};
  const auto again = VmRecord::FromJson(record.ToJson());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->pid, record.pid);
  EXPECT_EQ(again->start_time, record.start_time);
  EXPECT_EQ(again->accelerator_reason, record.accelerator_reason);
  EXPECT_EQ(again->passt, record.passt);
  EXPECT_EQ(again->network_reason, record.network_reason);
  EXPECT_EQ(again->start, record.start);
  EXPECT_EQ(again->machine, record.machine);
  EXPECT_EQ(again->memory_mib, record.memory_mib);
  EXPECT_EQ(again->processors, record.processors);
  EXPECT_EQ(again->modules_image, record.modules_image);
  EXPECT_TRUE(again->swap);
  EXPECT_EQ(again->disks, record.disks);
  EXPECT_EQ(again->shared_disks, record.shared_disks);
  EXPECT_EQ(again->forwards, record.forwards);
}

TEST(SleepingVmTest, ComesBackAsItWasWrittenAndKnowsItsDisks) {
  const std::string image = testing::TempDir() + "/sleeping-" + std::to_string(::getpid());
  ASSERT_TRUE(WriteFileAtomically(image, "a disk").ok());
  const SleepingVm sleeping{.vm = {.pid = 42, .machine = "0123", .disks = {{"a", {.slot = 1, .image = image}}}},
                            .key = "00ff",
                            .images = {{"a", FileIdentity(image).value_or("")}}};
  const auto again = SleepingVm::FromJson(sleeping.ToJson());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->key, sleeping.key);
  EXPECT_EQ(again->vm.machine, "0123");
  EXPECT_EQ(again->images, sleeping.images);
  EXPECT_TRUE(again->CheckImages().ok());
  ASSERT_TRUE(WriteFileAtomically(image, "another").ok());
  EXPECT_THAT(std::string(again->CheckImages().message()), HasSubstr(image));
  EXPECT_TRUE(absl::IsDataLoss(again->CheckImages()));
  ::unlink(image.c_str());
  EXPECT_TRUE(absl::IsNotFound(again->CheckImages())) << "what it lies on may be mounted again";
}

TEST(SleepingVmTest, IsNotTakenFromWhatIsMalformed) {
  SleepingVm unknown_image{.vm = {.disks = {{"a", {.slot = 1}}}}, .key = "k"};
  for (const std::string& text :
       {std::string(), std::string("{}"), std::string(R"({"vm":1,"key":"k","images":{}})"), unknown_image.ToJson()}) {
    EXPECT_FALSE(SleepingVm::FromJson(text).ok()) << text;
  }
}

TEST(VmRecordTest, IsNotTakenFromWhatIsMalformed) {
  for (const char* text :
       {"", "{", "[]", "{}", R"({"pid": "x"})",
        R"({"pid":1,"start_time":2,"accelerator":"","accelerator_reason":"","disks":[]})",
        R"({"pid":1,"start_time":2,"accelerator":"","accelerator_reason":"","disks":{},"start":"x"})",
        R"({"pid":1,"start_time":2,"accelerator":"","accelerator_reason":"","disks":{"a":1}})",
        R"({"pid":1,"start_time":2,"accelerator":"","accelerator_reason":"","disks":{},)"
        R"("forwards":{"70000":true}})",
        R"({"pid":1,"start_time":2,"accelerator":"","accelerator_reason":"","disks":{},)"
        R"("forwards":{"7000":70000}})"}) {
    EXPECT_FALSE(VmRecord::FromJson(text).ok()) << text;
  }
}

TEST(VmSettingsTest, AreOurChoiceWhereNothingIsSaid) {
  std::vector<std::string> warnings;
  const VmSettings settings = ChooseVmSettings({}, warnings);
  EXPECT_GE(settings.memory_mib, 512);
  EXPECT_LE(settings.memory_mib, 4096);
  EXPECT_GE(settings.processors, 1);
  EXPECT_TRUE(warnings.empty());
}

TEST(VmSettingsTest, AreTheUsersAsFarAsTheHostHasThem) {
  std::vector<std::string> warnings;
  UserConfig config;
  config.memory = int64_t{300} << 20;
  config.processors = 1;
  config.kernel_command_line = "loglevel=7";
  VmSettings settings = ChooseVmSettings(config, warnings);
  EXPECT_EQ(settings.memory_mib, 300);
  EXPECT_EQ(settings.processors, 1);
  EXPECT_TRUE(warnings.empty());
  EXPECT_THAT(After(QemuArguments({.kernel_command_line = settings.kernel_command_line}), "-append"),
              testing::EndsWith(" loglevel=7"));

  config.memory = int64_t{1} << 20;
  config.processors = 1'000;
  settings = ChooseVmSettings(config, warnings);
  EXPECT_EQ(settings.memory_mib, 256);
  EXPECT_LE(settings.processors, 32);
  ASSERT_EQ(warnings.size(), 2U);
  EXPECT_THAT(warnings[0], HasSubstr("gets 256 MiB and not the 1 MiB that memory says"));
  EXPECT_THAT(warnings[1], HasSubstr("processors"));

  config.memory = int64_t{1} << 60;
  EXPECT_LT(ChooseVmSettings(config, warnings).memory_mib, int64_t{1} << 40);
}

TEST(QemuArgumentsTest, AVmThatGoesOnBootsNothing) {
  const auto arguments = QemuArguments({.program = "/q", .incoming = true, .kernel = "/k"});
  EXPECT_EQ(After(arguments, "-incoming"), "defer");
  EXPECT_EQ(After(arguments, "-machine"), "memory-backend=memory");
  EXPECT_THAT(arguments, Not(testing::Contains("-kernel")));
  EXPECT_THAT(QemuArguments({.program = "/q"}), Not(testing::Contains("-incoming")));
}

TEST(HostFactsTest, MeasureAPlausibleMachine) {
  const int64_t khz = MeasureTscKhz();
  EXPECT_GT(khz, 100'000);
  EXPECT_LT(khz, 20'000'000);
}

TEST(AcceleratorTest, TheProbeEndsAndSaysWhy) {
  const absl::Time begin = absl::Now();
  const Accelerator accelerator = ProbeKvm();
  EXPECT_LT(absl::Now() - begin, absl::Seconds(10));
  EXPECT_FALSE(accelerator.reason.empty());
}

TEST(ProcessTest, RunsProgramsForTheirOutput) {
  EXPECT_EQ(RunProgram({"/bin/sh", "-c", "echo out; echo err >&2; pwd"}, absl::Seconds(10), "/").value_or(""),
            "out\nerr\n/\n");
  const auto failed = RunProgram({"/bin/sh", "-c", "echo why; exit 3"}, absl::Seconds(10));
  EXPECT_THAT(std::string(failed.status().message()), HasSubstr("failed: why"));
  EXPECT_FALSE(RunProgram({"/nowhere/program"}, absl::Seconds(10)).ok());
  EXPECT_TRUE(absl::IsDeadlineExceeded(RunProgram({"/bin/sleep", "60"}, absl::Milliseconds(50)).status()));
}

TEST(ProcessTest, FindsAProcessAgainAndNoOtherInItsPlace) {
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const auto process = SpawnDetached({"/bin/sleep", "60"}, null.get(), true);
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_TRUE(FindProcess(process->pid, process->start_time).ok());
  EXPECT_FALSE(FindProcess(process->pid, process->start_time + 1).ok());
  EXPECT_FALSE(WaitForExit(*process, absl::Milliseconds(1)));
  KillProcess(*process);
  EXPECT_TRUE(WaitForExit(*process, absl::Seconds(10)));
  EXPECT_FALSE(FindProcess(process->pid, process->start_time).ok());
}

TEST(ProcessTest, AProcessInheritsWhatItIsGivenAndNothingElse) {
  const std::string path = testing::TempDir() + "/inherits-" + std::to_string(::getpid());
  const auto output = OpenFile(path, O_RDWR | O_CREAT | O_TRUNC);
  ASSERT_TRUE(output.ok()) << output.status();
  int ends[2];
  ASSERT_EQ(::pipe2(ends, 0), 0);
  const UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  const auto process =
      SpawnDetached({"/bin/sh", "-c", "echo three >&3; echo four >&4; ls -1 /proc/$$/fd"}, output->get(),
                    /*map_user=*/false, {writer.get(), output->get()});
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_TRUE(WaitForExit(*process, absl::Seconds(10)));
  char buffer[16] = {};
  EXPECT_EQ(::read(reader.get(), buffer, sizeof buffer), 6);
  EXPECT_STREQ(buffer, "three\n");
  EXPECT_EQ(ReadSmallFile(path).value_or(""), "four\n0\n1\n2\n3\n4\n");
  ::unlink(path.c_str());
}

TEST(ProcessTest, AMappedProcessIsUser1000ToItself) {
  const std::string path = testing::TempDir() + "/mapped-" + std::to_string(::getpid());
  const auto output = OpenFile(path, O_RDWR | O_CREAT | O_TRUNC);
  ASSERT_TRUE(output.ok()) << output.status();
  const auto process = SpawnDetached({"/usr/bin/id", "-u"}, output->get(), true);
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_TRUE(WaitForExit(*process, absl::Seconds(10)));
  const std::string id = ReadSmallFile(path).value_or("");
  ::unlink(path.c_str());
  if (id != "1000\n") GTEST_SKIP() << "this host gives users no user namespaces";
}

TEST(AcceleratorTest, ADeviceThatIsNoneIsNotBelieved) {
  const std::string folder = testing::TempDir() + "/accelerator-" + std::to_string(::getpid());
  ASSERT_TRUE(MakeFolders(folder).ok());
  EXPECT_THAT(ChooseAccelerator(folder, folder + "/none").reason, HasSubstr("has no /dev/kvm"));
  // It opens, and does nothing that KVM does.
  const Accelerator chosen = ChooseAccelerator(folder, "/dev/null");
  EXPECT_FALSE(chosen.kvm);
  EXPECT_THAT(chosen.reason, HasSubstr("emulated"));
  EXPECT_EQ(ChooseAccelerator(folder, "/dev/null").reason, chosen.reason) << "what was found is kept";
  RememberKvmFailure(folder, "It did not boot.");
  EXPECT_EQ(ChooseAccelerator(folder, "/dev/null").reason, "It did not boot.");
  ::unlink((folder + "/accelerator.json").c_str());
  ::rmdir(folder.c_str());
}

TEST(VmEndTest, IsExplainedByWhatTheKernelSaidLast) {
  const std::string console =
      "[    1.0] Kernel panic - not syncing: an older one\r\n[    5.0] x\r\n"
      "[    9.1] Kernel panic - not syncing: sysrq triggered crash\r\n[    9.2] CPU: 0\r\n";
  EXPECT_EQ(ExplainVmEnd({.qemu_reason = "guest-reset", .console = console}),
            "The VM's kernel panicked: sysrq triggered crash.");
  EXPECT_THAT(ExplainVmEnd({.console = "Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b"}),
              HasSubstr("agent died"));
  EXPECT_THAT(ExplainVmEnd({.console = "Kernel panic - not syncing: System is deadlocked on memory\n"}),
              HasSubstr("ran out of memory"));
  EXPECT_THAT(ExplainVmEnd({.console = "Kernel panic - not syncing: \x1b[31m"}), Not(HasSubstr("\x1b")));
}

TEST(VmEndTest, IsExplainedByWhatQemuSaidElse) {
  EXPECT_THAT(ExplainVmEnd({.qemu_reason = "host-signal"}), HasSubstr("by a signal"));
  EXPECT_THAT(ExplainVmEnd({.qemu_reason = "guest-shutdown"}), HasSubstr("from inside"));
  EXPECT_THAT(ExplainVmEnd({.outlived_agent = true}), HasSubstr("agent hung up"));
  EXPECT_THAT(ExplainVmEnd({}), HasSubstr("killed"));
}

TEST(UserKernelTest, WhatIsNoKernelIsRefusedWithItsPath) {
  const std::string folder = testing::TempDir() + "/user-kernel-" + std::to_string(::getpid());
  ASSERT_TRUE(MakeFolders(folder).ok());
  const std::string path = folder + "/image";
  for (const char* content : {"", "no kernel", "\177ELF of something else"}) {
    ASSERT_TRUE(WriteFileAtomically(path, content).ok());
    const auto kernel = EnsureUserKernel(path, folder);
    EXPECT_EQ(ReasonOf(kernel.status()), reason::kKernelUnavailable) << content;
    EXPECT_THAT(std::string(kernel.status().message()), HasSubstr(path + " can't be used: it is no "));
  }
  EXPECT_EQ(ReasonOf(EnsureUserKernel("relative", folder).status()), reason::kKernelUnavailable);
  ASSERT_TRUE(WriteFileAtomically(path, "\177ELF Linux version %s Linux version 6.1.0-test (me)").ok());
  const auto kernel = EnsureUserKernel(path, folder);
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  EXPECT_EQ(kernel->release, "6.1.0-test");
  EXPECT_EQ(kernel->vmlinux, path);
  EXPECT_EQ(kernel->modules_image, "") << "no kernel of this release has any";
  EXPECT_TRUE(RemoveTree(folder).ok());
}

TEST(SwapFileTest, IsWhatSwaponTakesAndHasNoName) {
  const std::string folder = testing::TempDir() + "/swap-" + std::to_string(::getpid());
  ASSERT_TRUE(MakeFolders(folder).ok());
  const auto swap = MakeSwapFile(folder, 1 << 20);
  ASSERT_TRUE(swap.ok()) << swap.status();
  EXPECT_TRUE(IsEmptyFolder(folder));
  char header[4096] = {};
  ASSERT_EQ(::pread(swap->get(), header, sizeof header, 0), 4096);
  EXPECT_EQ(std::string(header + 4086, 10), "SWAPSPACE2");
  struct stat status {};
  ASSERT_EQ(::fstat(swap->get(), &status), 0);
  EXPECT_EQ(status.st_size, 1 << 20);
  ::rmdir(folder.c_str());
}

TEST(LogBoundTest, KeepsTheEndOfALogThatGrew) {
  const std::string path = testing::TempDir() + "/log_bound_test-" + std::to_string(::getpid());
  ASSERT_TRUE(WriteFileAtomically(path, "short").ok());
  BoundLog(path);
  EXPECT_EQ(ReadSmallFile(path).value_or(""), "short");
  ASSERT_TRUE(WriteFileAtomically(path, std::string(5 << 20, 'a').append("the end")).ok());
  BoundLog(path);
  EXPECT_EQ(ReadSmallFile(path).value_or("?"), "");
  EXPECT_TRUE(ReadSmallFile(path + ".1", 2 << 20).value_or("").ends_with("the end"));
  ::unlink(path.c_str());
  ::unlink((path + ".1").c_str());
}

}  // namespace
}  // namespace wslm
